"""The composer: thread-safe, cached, open to a user's own folder, closed to everything else."""

import shlex
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf
from omegaconf.errors import ReadonlyConfigError

from cvcore.config.composer import Composer, load
from cvcore.config.overrides import assign, parse
from cvcore.config.paths import default_conf_dir
from cvcore.errors import ConfigError, OverrideError, UnknownOption

COMPOSER = Composer([])


def test_many_threads_each_get_their_own_run() -> None:
    tasks = ["classification", "detection", "semantic_segmentation"]

    def one(number: int) -> tuple[int, str, str | None]:
        task = tasks[number % 3]
        config = Composer([]).load([f"task={task}", f"seed={number}", f"run.title=run-{number}"])
        return config.seed, config.task.kind, config.run.title

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(one, range(12)))
    assert found == [(i, tasks[i % 3], f"run-{i}") for i in range(12)]


def test_faults_in_some_threads_do_not_touch_the_others() -> None:
    def one(number: int) -> str:
        try:
            return (
                Composer([])
                .load([f"seed={number}", *(["seed=x"] if number % 2 else [])])
                .run.resume
            )
        except OverrideError as error:
            return str(error)

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(one, range(100, 106)))
    assert found == ["auto", "seed takes a whole number, not 'x'."] * 3


def test_a_composed_run_cannot_be_changed_behind_the_cache() -> None:
    composed = COMPOSER.compose(["seed=7"])
    with pytest.raises(ReadonlyConfigError):
        composed.seed = 8
    config = COMPOSER.load(["seed=7"])
    config.model.image_size[0] = 1
    config.seed = 9
    again = COMPOSER.load(["seed=7"])
    assert (again.seed, again.model.image_size) == (7, [96, 96])


def test_hydra_is_left_as_it_was() -> None:
    from hydra import initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra

    from cvcore.config.paths import conf_dir

    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        outer = GlobalHydra.instance().hydra
        COMPOSER.load(["seed=123"])
        with pytest.raises(ConfigError):
            COMPOSER.load(["seed=x123"])
        assert GlobalHydra.instance().hydra is outer
    assert GlobalHydra.instance().hydra is None


@settings(max_examples=10, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12))
def test_any_title_reaches_the_run_as_it_was_typed(text: str) -> None:
    assert COMPOSER.load([assign("run.title", text)]).run.title == text if text != "???" else True


@pytest.mark.parametrize("text", ["${oc.env:HOME}", "$(id)", "a'b\"c", "a\nb", "a,b", "\\", "`id`"])
def test_the_command_it_writes_means_the_same(text: str) -> None:
    override = assign("run.title", text)
    words = shlex.split(COMPOSER.command([override]))
    assert words == ["lakesight", "train", override]
    assert COMPOSER.load(words[2:]).run.title == text


def write(folder: Path, path: str, text: str) -> None:
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)


def test_a_users_folder_adds_options_and_recipes(tmp_path: Path) -> None:
    write(
        tmp_path,
        "model/detection/mine.yaml",
        "defaults:\n- detection/d_fine_micro@_here_\n- _self_\n"
        "licence: MIT\nimage_size: [64, 64]\n",
    )
    write(
        tmp_path,
        "experiment/mine.yaml",
        "# @package _global_\ndefaults:\n- override /model: detection/mine\nseed: 3\n",
    )
    mine = Composer([tmp_path])
    assert "detection/mine" in mine.options("model")
    assert "mine" in mine.options("experiment")
    config = mine.load(["experiment=mine"])
    assert (config.seed, config.model.image_size, config.model.model_type) == (
        3,
        [64, 64],
        "d_fine",
    )
    assert shlex.split(mine.command(["experiment=mine"]))[2:4] == ["--config-dir", str(tmp_path)]
    with pytest.raises(UnknownOption):
        COMPOSER.load(["experiment=mine"])


def test_a_changed_file_of_the_user_is_noticed(tmp_path: Path) -> None:
    import os

    write(tmp_path, "experiment/mine.yaml", "# @package _global_\nseed: 3\n")
    mine = Composer([tmp_path])
    assert mine.load(["experiment=mine"]).seed == 3
    write(tmp_path, "experiment/mine.yaml", "# @package _global_\nseed: 4\n")
    os.utime(tmp_path / "experiment/mine.yaml", (1, 1))
    assert mine.load(["experiment=mine"]).seed == 4


def test_a_users_option_cannot_replace_ours(tmp_path: Path) -> None:
    write(tmp_path, "optim/adamw.yaml", "learning_rate: 9.0\n")
    assert Composer([tmp_path]).load(["optim=adamw"]).optim.learning_rate != 9.0


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("learning_rte: 1\n", "Did you mean 'learning_rate'"),
        ("learning_rate: fast\n", "optim.learning_rate takes a number, not 'fast'"),
        ("learning_rate: 99\n", "it must be from 0 to 10"),
        ("learning_rate: ${nothing.here}\n", "optim.learning_rate"),
        ("a: [1\n", ""),
        ("- 1\n", ""),
        ("_target_: os.system\n", "_target_"),
    ],
)
def test_a_faulty_file_of_the_user_is_one_sentence(
    tmp_path: Path, text: str, sentence: str
) -> None:
    write(tmp_path, "optim/mine.yaml", text)
    with pytest.raises(ConfigError) as refusal:
        Composer([tmp_path]).load(["optim=mine"])
    assert sentence in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_no_such_folder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        Composer([tmp_path / "none"])
    monkeypatch.setenv("LAKESIGHT_CONF_PATH", str(tmp_path / "none"))
    with pytest.raises(ConfigError, match="LAKESIGHT_CONF_PATH"):
        load()


def test_the_default_folder_is_found_and_needs_no_flag(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("LAKESIGHT_CONF_PATH", raising=False)
    assert Composer().search_path == ()
    own = default_conf_dir()
    write(own, "experiment/mine.yaml", "# @package _global_\nseed: 3\n")
    assert load(["experiment=mine"]).seed == 3
    assert Composer().command(["experiment=mine"]) == "lakesight train experiment=mine"
    other = tmp_path / "other"
    other.mkdir()
    monkeypatch.setenv("LAKESIGHT_CONF_PATH", str(other))
    assert Composer().search_path == (other,)


def test_choices_are_those_of_a_recipe_too() -> None:
    chosen = COMPOSER.choices(["experiment=bccd_detection", "augment=light"])
    assert (chosen["data"], chosen["augment"], chosen["task"]) == ("coco", "light", "detection")


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("optim.learning_rate=50", "optim.learning_rate is 50.0; it must be from 0 to 10."),
        ("optim.learning_rate=nan", "optim.learning_rate is nan; it must be from 0 to 10."),
        ("data.num_train=5", "data.num_train is 5; it must be from 10 to 100000."),
        ("seed=-1", "seed is -1; it must be from 0 to 4294967295."),
        ("augment.rotate=200", "augment.rotate is 200.0; it must be from 0 to 180 degrees."),
        ("model.image_size=[8,64]", "model.image_size is 8; it must be from 16 to 8192 px."),
        ("model.image_size=[64]", "model.image_size has 1 numbers; it takes 2, e.g. [640,640]."),
        ("augment.scale=[2,1]", "augment.scale is [2.0, 1.0]; the smallest zoom comes first."),
        ("optim.learning_rate=abc", "optim.learning_rate takes a number, not 'abc'."),
        ("trainer.max_steps=1.5", "trainer.max_steps takes a whole number, not 1.5."),
        ("model.image_size=640", "takes a list of whole numbers such as [640,640], not 640."),
        ("data.policy=Strict", "Choices: strict, drop, repair. Did you mean 'strict'?"),
        ("data.reader=coco", "data.reader is 'coco' in another reader's option. Write data=coco."),
        ("seed=null", "seed takes a whole number, not null."),
        ("deepspeed.config={a: 1}", "An override sets keys of a value that is null."),
        ("task.kind=classification", "is of task 'detection', not 'classification'"),
        ("data.train=x", "data.train is not a key of data."),
    ],
)
def test_a_value_that_cannot_be_is_one_sentence(override: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        COMPOSER.load([override])
    assert sentence in str(refusal.value)


def test_a_run_survives_being_written_as_overrides() -> None:
    texts = ["task=detection", "optim.learning_rate=0.001", "run.title='a, b'", "data.max_digits=3"]
    again = [
        item.text if item.key == "task" else assign(item.key, item.value)
        for item in map(parse, texts)
    ]
    assert COMPOSER.load(again) == COMPOSER.load(texts)


def test_references_are_kept_until_asked_for() -> None:
    kept = OmegaConf.to_container(COMPOSER.compose(), resolve=False)
    assert kept["optim"]["learning_rate"] == "${model.recipe.learning_rate}"
