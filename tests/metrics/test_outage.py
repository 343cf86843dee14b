"""A real tracking server is killed and comes back: every point arrives, once and in order."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow import MlflowClient

from cvcore.metrics.tracker import Tracker


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def serve(folder: Path, port: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "mlflow", "server", "--workers", "1"]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    command += ["--backend-store-uri", f"sqlite:///{folder / 'server.db'}"]
    command += ["--artifacts-destination", str(folder / "artifacts")]
    with (folder / "server.log").open("ab") as log:
        return subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)


def answers(port: int) -> bool:
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2).close()
    except OSError:
        return False
    return True


def until(done: Callable[[], bool], seconds: float = 90.0) -> None:
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.2)


def kill(server: subprocess.Popen[bytes]) -> None:
    os.killpg(server.pid, signal.SIGKILL)
    server.wait()


@pytest.mark.slow
def test_server_killed_and_restarted(tmp_path: Path) -> None:
    port = free_port()
    uri = f"http://127.0.0.1:{port}"
    server = serve(tmp_path, port)
    try:
        until(lambda: answers(port))
        client = MlflowClient(uri)
        run_id = client.create_run("0").info.run_id
        tracker = Tracker(tmp_path / "run", uri, run_id)
        for step in range(20):
            tracker.log({"train/loss": 1.0 / (step + 1)}, step)
        until(lambda: tracker.spool.num_pending() == 0)
        kill(server)
        for step in range(20, 60):
            tracker.log({"train/loss": 1.0 / (step + 1)}, step)
        assert tracker.spool.num_pending() == 40
        server = serve(tmp_path, port)
        until(lambda: answers(port))
        for step in range(60, 70):
            tracker.log({"train/loss": 1.0 / (step + 1)}, step)
        assert tracker.finish("FINISHED", wait_s=90.0)
        history = client.get_metric_history(run_id, "train/loss")
        assert [m.step for m in history] == list(range(70))
        assert [m.value for m in history] == [1.0 / (s + 1) for s in range(70)]
        assert client.get_run(run_id).info.status == "FINISHED"
    finally:
        kill(server)
