"""What answers at once imports nothing heavy: looked up in the process itself, not on a clock."""

import pytest

HEAVY = {
    "torch", "transformers", "numpy", "mlflow", "deepspeed", "accelerate", "datasets", "pandas",
    "sklearn", "scipy", "cv2", "PIL", "pyarrow", "deltalake", "pycocotools",
}  # fmt: skip


def imported(log: str) -> set[str]:
    """Return the top-level modules that `python -X importtime` saw imported."""
    lines = [line for line in log.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip().partition(".")[0] for line in lines}


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["--version"],
        ["train", "--help"],
        ["predict", "--help"],
        ["compose"],
        ["compose", "experiment=digits_detection", "--diff"],
        ["compose", "optim.learning_rte=1"],
        ["models"],
        ["models", "detection", "--json"],
    ],
    ids=" ".join,
)
def test_a_quick_command_imports_nothing_heavy(lakesight, words: list[str]) -> None:
    done = lakesight(*words, PYTHONPROFILEIMPORTTIME="1")
    assert done.returncode == (2 if "rte" in words[-1] else 0)
    assert "cvcore" in imported(done.stderr)
    assert not imported(done.stderr) & HEAVY


@pytest.mark.parametrize("words", [["--cfg", "job"], ["--help"], ["seed=x"]], ids=" ".join)
def test_hydras_own_command_imports_nothing_heavy_either(hydra_train, words: list[str]) -> None:
    done = hydra_train(*words, PYTHONPROFILEIMPORTTIME="1")
    assert done.returncode == (2 if words == ["seed=x"] else 0)
    assert "hydra" in imported(done.stderr)
    assert not imported(done.stderr) & HEAVY


def test_help_imports_no_configuration_library(lakesight) -> None:
    done = lakesight("--help", PYTHONPROFILEIMPORTTIME="1")
    assert not imported(done.stderr) & {"hydra", "omegaconf", "yaml"}
