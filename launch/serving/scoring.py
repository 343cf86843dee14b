"""An MLflow scoring server: the stock one, as a process of its own on a loopback port.

It runs the model's own code, as Model Serving does: nothing of ours is imported before the model is.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from launch.local import process

ENDPOINT_VARIABLE = "LAKESIGHT_ENDPOINT"
"""In the environment of every process of an endpoint: its folder."""

_APP = "mlflow.pyfunc.scoring_server.app:app"
_MODEL_VARIABLE = "__pyfunc_model_path__"  # read by that app (MLflow 3.12 to 3.17)
_REQUEST_S = 300
"""Longest answer, seconds; Model Serving allows 297."""
_OUTSIDE = ("DATABRICKS_", "MLFLOW_", "PYTHONPATH")


class ScoringServer:
    """The process of one model. Not thread-safe."""

    def __init__(self, model: Path, log: Path, environment: Mapping[str, str], mark: Path) -> None:
        """Take what it serves; starts nothing.

        Args:
            model: folder of an MLflow model.
            log: takes what it writes.
            environment: further variables.
            mark: of the endpoint; in the environment, so that a process is found again.
        """
        self.model, self.log = model, log
        self.port = 0
        self._environment, self._mark = environment, mark
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def identity(self) -> str:
        """Of its process, "" if there is none."""
        return "" if self._process is None else process.identity(self._process.pid)

    def start(self) -> None:
        """Start the process and return at once."""
        self.port = free_port()
        command = [sys.executable, "-m", "uvicorn", "--host", "127.0.0.1", "--port", str(self.port)]
        command += ["--no-access-log", _APP]
        outer = {k: v for k, v in os.environ.items() if not k.startswith(_OUTSIDE)}
        environment = {
            **outer,
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "MLFLOW_SCORING_SERVER_REQUEST_TIMEOUT": str(_REQUEST_S),
            **self._environment,
            _MODEL_VARIABLE: str(self.model),
            ENDPOINT_VARIABLE: str(self._mark),
        }
        with self.log.open("ab") as out:
            self._process = subprocess.Popen(  # noqa: S603 (our own command line)
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env=environment,
                cwd=self.log.parent,
                start_new_session=True,
            )

    def is_healthy(self) -> bool:
        """Whether the model is loaded."""
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=5):  # noqa: S310
                return True
        except (urllib.error.URLError, OSError):
            return False

    def exit_code(self) -> int | None:
        """Return its exit code, None while it runs."""
        return None if self._process is None else self._process.poll()

    def wait_ready(self, limit_s: float = 600) -> str:
        """Wait until it answers; return "" then, else why it does not."""
        until = time.monotonic() + limit_s
        while time.monotonic() < until:
            if (code := self.exit_code()) is not None:
                return f"the scoring server ended with exit code {code}: {last_words(self.log)}"
            if self.is_healthy():
                return ""
            time.sleep(0.1)
        return f"the model was not loaded within {limit_s:.0f} s: {last_words(self.log)}"

    def stop(self, grace_s: float = 5) -> None:
        """End it: SIGTERM lets it finish its requests, SIGKILL follows."""
        running = self._process
        if running is None:
            return
        _signal(running.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            running.wait(grace_s)
        _signal(running.pid, signal.SIGKILL)
        running.wait()


def left_over(mark: Path) -> list[int]:
    """Return the processes of an endpoint that still live, by what is in their environment."""
    word = f"{ENDPOINT_VARIABLE}={mark}".encode()
    return [pid for pid, words in process.environments() if pid != os.getpid() and word in words]


def kill_left_over(mark: Path) -> int:
    """SIGKILL them; return how many there were."""
    found = left_over(mark)
    for pid in found:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
    return len(found)


def free_port(wanted: int = 0) -> int:
    """Return a free loopback port: the one that is wanted, if it can be."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise OSError("no port is free")


def last_words(log: Path) -> str:
    """Return the last line of a log that says something."""
    try:
        text = log.read_text(encoding="utf-8", errors="replace")[-8192:]
    except OSError:
        return ""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith(("error: ", "ERROR:")) or "Error: " in line]
    return (errors or lines or [""])[-1].removeprefix("error: ")[:500]


def _signal(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
