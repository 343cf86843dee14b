"""`python -m cvcore.train` is a true Hydra application."""

import subprocess
from pathlib import Path

import pytest
import yaml

from cvcore.config.composer import Composer
from cvcore.config.validate import plain

pytestmark = pytest.mark.usefixtures("warm")


def test_cfg_job_is_what_the_composer_gives(hydra_train) -> None:
    overrides = ["task=detection", "optim.learning_rate=0.001", "run.title='a, b'"]
    done = hydra_train("--cfg", "job", *overrides)
    assert done.returncode == 0, done.stderr
    ours = plain(Composer([]).compose(overrides), resolve=False)
    assert yaml.safe_load(done.stdout) == ours


def test_a_chosen_model_brings_its_task_here_too(hydra_train) -> None:
    done = hydra_train("--cfg", "job", "--package", "task", "model=classification/resnet_micro")
    assert "kind: classification" in done.stdout


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["optim.learning_rte=1"], "Did you mean 'learning_rate'?"),
        (["task=detecton"], "Did you mean 'detection'?"),
        (["optim.learning_rate=50"], "optim.learning_rate is 50.0; it must be from 0 to 10."),
        (["run.title=${oc.env:HOME}"], "interpolation"),
        (["model=classification/resnet_micro", "task=detection"], "is of task 'classification'"),
        (["--multirun", "model=classification/resnet_micro,detection/d_fine_micro"], "one task"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_fault_is_one_sentence_and_exit_code_2(
    hydra_train, words: list[str], sentence: str
) -> None:
    done = hydra_train(*words)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr


@pytest.mark.slow
def test_a_sweep_runs_every_combination_in_its_own_folder(hydra_train, tmp_path: Path) -> None:
    # Each job stops at once: there is no data. What counts is that each had its own folder.
    done = hydra_train(
        "--multirun", "data=coco", f"data.root={tmp_path}/none", "seed=1,2",
        f"hydra.sweep.dir={tmp_path}/sweep",
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    seeds = [
        yaml.safe_load((tmp_path / "sweep" / job / "config.yaml").read_text())["seed"]
        for job in ("0", "1")
    ]
    assert seeds == [1, 2]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("optim=", {"optim=adamw", "optim=sgd"}),
        ("experiment=digits_d", {"experiment=digits_detection"}),
        ("trainer.max_st", {"trainer.max_steps="}),
    ],
)
def test_the_shell_completes(hydra_train, line: str, expected: set[str]) -> None:
    done = hydra_train(
        "--shell-completion", "query=bash", COMP_LINE=f"lakesight {line}", COMP_POINT="99"
    )
    assert done.returncode == 0, done.stderr
    assert expected <= set(done.stdout.split()), done.stdout


def test_the_completion_script_is_bash(hydra_train) -> None:
    done = hydra_train("--shell-completion", "install=bash")
    assert done.returncode == 0, done.stderr
    checked = subprocess.run(["bash", "-n"], input=done.stdout, text=True, check=False)
    assert checked.returncode == 0
