"""What a person may override: everything the schema has, and nothing else."""

import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cvcore.config.check import check
from cvcore.config.composer import Composer
from cvcore.config.keys import leaves
from cvcore.errors import ConfigError, LakesightError, OverrideError, UnknownOption

COMPOSER = Composer([])
OPTIONS = COMPOSER.all_options()


@pytest.mark.parametrize(
    "override",
    [
        "run.title=${oc.env:HOME}",
        "run.title='${oc.env:HOME}'",
        'run.title="x ${seed}"',
        "run.title='\\\\${seed}'",
        "model.config={a: '${seed}'}",
        "model.config={a: [{b: '${seed}'}]}",
        "model.config.x=${seed}",
        "run.${seed}=1",
        "data=${seed}",
        "model.config={_target_: os.system}",
        "model.config={a: [{_target_: os.system}]}",
        "model.config._target_=os.system",
        "+model._target_=os.system",
        "hydra.run.dir=/tmp",
        "hydra/launcher=basic",
        "+hydra.x=1",
        "++hydra.searchpath=[/tmp]",
        "optim@trainer=adamw",
        "+optim@trainer=adamw",
        "~optim",
        "~optim.learning_rate",
        "+optim.learning_rate=1",
        "+optim=adamw",
        "+extra=1",
        "data=a,b",
        "optim.learning_rate=1e-3,1e-4",
        "seed=range(1,4)",
        "optim={learning_rate: 1}",
        "run.title=$(id)",
        "run.title=a;b",
        "run.title='unclosed",
        "data=../../etc/passwd",
        "experiment=/etc/passwd",
        "=1",
        "",
        " ",
        "@",
    ],
)
def test_what_reaches_outside_the_schema_is_refused(override: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        check([override], OPTIONS)
    assert "Error" not in str(refusal.value)


def test_an_environment_variable_never_comes_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKESIGHT_SECRET", "swordfish")
    for text in ("${oc.env:LAKESIGHT_SECRET}", "\\${oc.env:LAKESIGHT_SECRET}", "$LAKESIGHT_SECRET"):
        for override in (f"run.title={text}", f"run.title='{text}'", f'run.title="{text}"'):
            try:
                title = COMPOSER.load([override]).run.title
            except LakesightError as error:
                title = str(error)
            assert "swordfish" not in str(title)


@given(st.sampled_from([key.path for key in leaves()]), st.text(max_size=20))
def test_no_text_makes_check_fall_over(key: str, text: str) -> None:
    try:
        found = check([f"{key}={text}"], OPTIONS)
    except ConfigError:
        return
    assert [item.key for item in found] == [key]


@pytest.mark.parametrize(
    ("override", "near"),
    [
        ("optim.learning_rte=1", "learning_rate"),
        ("optm.learning_rate=1", "optim"),
        ("tranier=default", "trainer"),
        ("task=detecton", "detection"),
        ("data=digit", "digits"),
        ("model=d_fine_micr", "detection/d_fine_micro"),
        ("model=detection/d_fine_mircro", "detection/d_fine_micro"),
        ("data.rot=x", "root"),
        ("run.titel=x", "title"),
        ("model.recipe.learning_rat=1", "learning_rate"),
        ("experiment=digits_detecton", "digits_detection"),
    ],
)
def test_a_typing_error_gets_the_nearest_name(override: str, near: str) -> None:
    with pytest.raises((OverrideError, UnknownOption), match=re.escape(f"Did you mean '{near}'?")):
        check([override], OPTIONS)


def test_a_model_of_another_task_is_refused_with_those_that_fit() -> None:
    with pytest.raises(UnknownOption, match=r"Choose a model of detection: .*detection/d_fine"):
        check(["task=detection", "model=classification/resnet_micro"], OPTIONS)


def test_hydras_own_command_line_may_sweep_and_set_hydra_but_not_interpolate() -> None:
    check(["seed=1,2", "hydra.sweep.dir=x", "hydra/launcher=basic"], OPTIONS, for_hydra=True)
    with pytest.raises(OverrideError, match="interpolation"):
        check(["run.title=${seed}"], OPTIONS, for_hydra=True)


@pytest.mark.parametrize(
    "override",
    [
        "model.config.num_queries=10",
        "++model.config.num_queries=10",
        "~model.config.num_queries",
        "model.image_size=[64,64]",
        "model.image_size.0=64",
        "run.title='a, b = ${'".replace("${", "\\${"),
        "run.title=null",
        "data=coco",
        "model=detection/d_fine_micro",
    ],
)
def test_what_the_schema_has_is_let_through(override: str) -> None:
    check([override], OPTIONS)


def test_nothing_in_the_conf_folder_reads_the_environment() -> None:
    from cvcore.config.paths import conf_dir

    for path in Path(conf_dir()).rglob("*.yaml"):
        for found in re.findall(r"\$\{([^}]*)\}", path.read_text()):
            assert "env" not in found, f"{path}: {found}"
            assert re.match(r"(task|model\.recipe\.\w+|now:.*|hydra\.job\.num)", found), path
    assert "LAKESIGHT_CONF_PATH" not in os.environ
