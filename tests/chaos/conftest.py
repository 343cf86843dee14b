"""A ledger and a queue for each round; makes the helpers beside and of tests/metrics importable."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient

from launch.local.process import environments

_HERE = Path(__file__).parent
sys.path[:0] = [str(_HERE), str(_HERE.parent / "metrics")]

import chaos_runs as chaos  # noqa: E402 (beside this file)


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow database with its tables: making them takes longer than the training."""
    path = tmp_path_factory.mktemp("empty") / "mlruns.db"
    MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture(scope="session")
def place(empty_database: Path) -> Callable[[Path], contextlib.AbstractContextManager[str]]:
    """What makes a folder a machine of its own: queue, ledger, working directory."""

    @contextlib.contextmanager
    def make(folder: Path) -> Iterator[str]:
        state = folder / "state"
        state.mkdir(parents=True)
        (state / "machine.json").write_text('{"gpus": [], "cpu_slots": 2}')
        shutil.copy(empty_database, folder / "mlruns.db")
        uri = f"sqlite:///{folder / 'mlruns.db'}"
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("LAKESIGHT_STATE_DIR", str(state))
            patch.setenv("MLFLOW_TRACKING_URI", uri)
            # A server's background jobs are five more processes, of no use here.
            patch.setenv("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")
            patch.chdir(folder)
            try:
                yield uri
            finally:
                _end(f"LAKESIGHT_STATE_DIR={state}".encode())

    return make


@pytest.fixture(scope="session")
def reference(place, cache_dir: Path, tmp_path_factory) -> Callable[[int], chaos.Outcome]:
    """The uninterrupted run on so many processes, trained once a session."""
    known: dict[int, chaos.Outcome] = {}

    def get(num_devices: int) -> chaos.Outcome:
        if num_devices not in known:
            folder = tmp_path_factory.mktemp(f"whole-{num_devices}")
            with place(folder) as uri:
                run = chaos.Run(folder, uri, cache_dir, num_devices)
                run.follow()
                known[num_devices] = run.outcome()
        return known[num_devices]

    return get


def _end(mark: bytes) -> None:
    for _ in range(3):
        for pid, words in environments():
            if mark in words and pid != os.getpid():
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
