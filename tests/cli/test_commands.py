"""The verbs that compose and list, and the sentences for what is wrong."""

import json
import shlex
from importlib import import_module
from pathlib import Path

import pytest
import yaml

from cvcore.cli.main import VERBS, main, overview, parser_of
from cvcore.config.schema import TASKS


def refusal(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Run a command that must be refused; return its one sentence."""
    assert main(words) == 2
    out, err = capsys.readouterr()
    lines = err.strip().splitlines()
    assert len(lines) == 1, err
    assert lines[0].startswith("error: ")
    assert "Traceback" not in out + err
    return lines[0]


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_says_what_it_does(verb: str) -> None:
    assert VERBS[verb] == import_module(f"cvcore.cli.{verb}").HELP
    assert VERBS[verb] in overview()
    assert f"lakesight {verb}" in parser_of(verb).format_help()


def test_every_example_of_composing_composes(capsys: pytest.CaptureFixture[str]) -> None:
    from cvcore.cli import compose, train

    for line in f"{compose.EXAMPLES}\n{train.EXAMPLES}".splitlines():
        words = shlex.split(line.split("   ")[0].split("|")[0].strip() or "-")
        if words[0] == "lakesight":
            flags = [] if words[1] == "train" else words[2:]
            overrides = words[2:] if words[1] == "train" else []
            assert main(["compose", *flags, *overrides]) == 0, line
    capsys.readouterr()


def test_compose_prints_yaml_that_is_the_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compose", "task=detection", "optim.learning_rate=1e-3", "run.title='a b'"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("# lakesight train task=detection optim.learning_rate=1e-3")
    values = yaml.safe_load(text)
    assert values["optim"]["learning_rate"] == 0.001
    assert values["run"]["title"] == "a b"
    assert main(["compose", "task=detection", "--json", "optim.learning_rate=1e-3"]) == 0
    assert json.loads(capsys.readouterr().out)["optim"] == values["optim"]


def test_compose_keeps_references_on_request(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compose", "--no-resolve"]) == 0
    assert "${model.recipe.learning_rate}" in capsys.readouterr().out


def test_compose_shows_only_what_differs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compose", "--diff", "seed=7"]) == 0
    assert capsys.readouterr().out.splitlines() == ["# lakesight train seed=7", "seed: 42 -> 7"]


def test_compose_prints_a_value_out_of_bounds_and_then_refuses_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["compose", "optim.learning_rate=50"]) == 2
    out, err = capsys.readouterr()
    assert yaml.safe_load(out)["optim"]["learning_rate"] == 50
    assert err == "error: optim.learning_rate is 50.0; it must be from 0 to 10.\n"


@pytest.mark.parametrize("verb", ["train", "compose"])
@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("optim.learning_rte=1", "Did you mean 'learning_rate'?"),
        ("task=detecton", "Did you mean 'detection'?"),
        ("optim.learning_rate=abc", "takes a number, not 'abc'"),
        ("run.title=${oc.env:HOME}", "interpolation"),
        ("run.title=$(id)", "cannot be read"),
        ("run.title=a,b", "several values"),
        ("hydra.run.dir=/tmp", "python -m cvcore.train"),
        ("foo", "is not an override"),
        ("+x=1", "neither a group nor a key"),
        ("--frobnicate", "unknown argument"),
    ],
)
def test_what_is_wrong_is_one_sentence_and_exit_code_2(
    capsys: pytest.CaptureFixture[str], verb: str, override: str, sentence: str
) -> None:
    assert sentence in refusal(capsys, verb, override)


def test_an_unknown_verb_gets_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert refusal(capsys, "trian").endswith("Did you mean 'train'?")


def test_models_are_listed_with_licence_and_checkpoint(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["model", "licence", "input", "params", "checkpoint"]
    for task in TASKS:
        assert len([line for line in lines if line.startswith(f"{task}/") and " * " in line]) == 1
    assert not [line for line in lines if "_default" in line]


def test_models_of_one_task_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "detection", "--json"]) == 0
    entries = json.loads(capsys.readouterr().out)
    assert {entry["task"] for entry in entries} == {"detection"}
    assert [entry["option"] for entry in entries if entry["is_default"]] == [
        "detection/d_fine_micro"
    ]
    for entry in entries:
        assert entry["licence"] not in ("", "unknown"), entry["option"]
        assert len(entry["image_size"]) == 2


def test_models_of_an_unknown_task(capsys: pytest.CaptureFixture[str]) -> None:
    assert refusal(capsys, "models", "detecton").endswith("Did you mean 'detection'?")


def test_a_users_folder_is_listed_and_composed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKESIGHT_CONF_PATH", "")
    (tmp_path / "model/detection").mkdir(parents=True)
    (tmp_path / "model/detection/mine.yaml").write_text(
        "defaults:\n  - detection/d_fine_micro@_here_\n  - _self_\nlicence: MIT\n"
    )
    folder = ["--config-dir", str(tmp_path)]
    assert main(["models", "detection", "--json", *folder]) == 0
    mine = [e for e in json.loads(capsys.readouterr().out) if e["option"] == "detection/mine"]
    assert (mine[0]["licence"], mine[0]["image_size"]) == ("MIT", [96, 96])
    assert main(["compose", *folder, "model=detection/mine"]) == 0
    assert yaml.safe_load(capsys.readouterr().out)["model"]["licence"] == "MIT"
    assert "does not exist" in refusal(capsys, "compose", "--config-dir", str(tmp_path / "none"))


def test_a_reader_that_goes_away_is_no_traceback(lakesight, tmp_path: Path) -> None:
    import subprocess
    import sys

    done = subprocess.run(
        f"{shlex.quote(sys.executable)} -m cvcore.cli.main compose | head -1",
        shell=True, cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout == "# lakesight train\n"
    assert done.stderr == ""
