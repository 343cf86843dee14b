"""The command that launchers execute, and the exit codes that tell them whether to try again."""

from __future__ import annotations

from pathlib import Path

import pytest

from cvcore.cli.exit import exit_code
from cvcore.errors import ConfigError, TrainingInterrupted
from cvcore.train.staged import config_file


@pytest.mark.parametrize(
    ("words", "file"),
    [
        (["runs/a/config.yaml"], "runs/a/config.yaml"),
        (["/x/config.yml"], "/x/config.yml"),
        (["run.dir=a.yaml"], None),
        (["a.yaml", "seed=1"], None),
        (["--cfg"], None),
        ([], None),
    ],
)
def test_a_file_is_told_from_overrides(words: list[str], file: str | None) -> None:
    assert config_file(words) == (Path(file) if file else None)


def test_exit_codes_say_whether_to_try_again() -> None:
    def fails(error: Exception):
        def run() -> int:
            raise error

        return run

    assert exit_code(fails(ConfigError("x"))) == 2
    assert exit_code(fails(TrainingInterrupted("x"))) == 75
