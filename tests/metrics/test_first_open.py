"""Commands that are the first in a folder, all at once: the ledger is made by one of them."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from launch.tracking_server import TrackingServer

OPEN = """
import sys, time
from pathlib import Path
import mlflow.store.tracking.sqlalchemy_store
from cvcore.metrics.server import client
Path(sys.argv[1]).touch()
while not Path("go").exists():
    time.sleep(0.001)
print(len(client("sqlite:///mlruns.db").search_experiments()))
"""
NUM = 4


@pytest.mark.slow
def test_first_commands_at_once_make_one_ledger(tmp_path: Path) -> None:
    ready = [tmp_path / f"ready-{number}" for number in range(NUM)]
    words = [sys.executable, "-c", OPEN]
    started = [
        subprocess.Popen([*words, str(one)], cwd=tmp_path, stdout=-1, stderr=-1, text=True)
        for one in ready
    ]
    server = TrackingServer(tmp_path / "server", f"sqlite:///{tmp_path}/mlruns.db", "artifacts")
    try:
        until = time.monotonic() + 90
        while not all(one.exists() for one in ready):
            assert time.monotonic() < until
            time.sleep(0.01)
        (tmp_path / "go").touch()
        assert server.url().startswith("http://127.0.0.1:")
        for one in started:
            out, err = one.communicate(timeout=90)
            assert (one.returncode, out) == (0, "1\n"), err
    finally:
        server.stop()
        for one in started:
            one.kill()
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {*(one.name for one in ready), "go", "server", "mlruns.db"}
