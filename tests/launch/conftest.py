"""Each test has a queue of its own, and leaves no process behind."""

import contextlib
import os
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
