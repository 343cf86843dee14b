"""Commands as a person runs them: real processes, their output and exit code."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def lakesight(tmp_path: Path) -> Command:
    """Run `lakesight` in an empty folder."""
    return lambda *words, **env: _run(
        [sys.executable, "-m", "cvcore.cli.main", *words], tmp_path, env
    )


@pytest.fixture
def hydra_train(tmp_path: Path) -> Command:
    """Run `python -m cvcore.train` in an empty folder."""
    return lambda *words, **env: _run([sys.executable, "-m", "cvcore.train", *words], tmp_path, env)


def _run(command: list[str], folder: Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=folder, env={**os.environ, **env}, capture_output=True, text=True, check=False
    )
