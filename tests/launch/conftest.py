"""Each test has a queue of its own, and leaves no process behind."""

import contextlib
import os
import shutil
import signal
from pathlib import Path

import pytest

from launch.local.process import environments


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The folder of the queue; every process that names this test's folder is ended with it."""
    folder = tmp_path / "state"
    monkeypatch.setenv("LAKESIGHT_STATE_DIR", str(folder))
    yield folder
    mark = f"LAKESIGHT_STATE_DIR={folder}".encode()
    for _ in range(3):
        for pid, words in environments():
            if mark in words and pid != os.getpid():
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)


@pytest.fixture(scope="session")
def _empty_database(cache_dir: Path) -> Path:
    """An MLflow database with its tables: making them takes longer than a small training."""
    from filelock import FileLock
    from mlflow import MlflowClient

    path = cache_dir / "empty-mlflow.db"
    with FileLock(f"{path}.lock"):
        if not path.exists():
            part = path.with_suffix(".part")
            MlflowClient(f"sqlite:///{part}").search_experiments()
            part.rename(path)
    return path


@pytest.fixture
def ledger_uri(tmp_path: Path, _empty_database: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty ledger, and a folder to submit from."""
    shutil.copy(_empty_database, tmp_path / "mlruns.db")
    monkeypatch.chdir(tmp_path)
    return f"sqlite:///{tmp_path}/mlruns.db"
