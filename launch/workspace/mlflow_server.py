"""The real MLflow server behind the workspace: started at the first call, on a port of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

# As on the platform; the artifacts of runs are reached through the Files API.
ARTIFACT_ROOT = "dbfs:/databricks/mlflow-tracking"
_START_S = 120


class MlflowServer:
    """`mlflow server` on SQLite in `folder`; state survives a restart of the server."""

    def __init__(self, folder: Path) -> None:
        """Take the folder for mlflow.db, server.log and artifacts; starts nothing."""
        self.folder = folder
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._url = ""

    def url(self) -> str:
        """Return its address, starting it if need be.

        Raises:
            OSError: it did not come up; the message has the end of its log.
        """
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                self._start()
        return self._url

    def stop(self) -> None:
        """End it with its workers."""
        with self._lock:
            if self._process is None:
                return
            self._signal(signal.SIGTERM)
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._signal(signal.SIGKILL)
                self._process.wait()
            self._process = None
            (self.folder / "server.pid").unlink(missing_ok=True)

    def _signal(self, number: int) -> None:
        if self._process is not None:
            # Its workers are processes of their own.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    def _end_orphan(self) -> None:
        """End the server that a killed workspace left behind on the same database."""
        with contextlib.suppress(OSError, ValueError):
            pid = int((self.folder / "server.pid").read_text(encoding="ascii"))
            if str(self.folder).encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
                os.killpg(pid, signal.SIGKILL)

    def _start(self) -> None:
        self._end_orphan()
        self._url = f"http://127.0.0.1:{_free_port()}"
        command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1"]
        command += ["--port", self._url.rpartition(":")[2], "--workers", "1"]
        command += ["--backend-store-uri", f"sqlite:///{self.folder / 'mlflow.db'}"]
        command += ["--default-artifact-root", ARTIFACT_ROOT, "--no-serve-artifacts"]
        outside = ("MLFLOW_", "DATABRICKS_")
        environment = {k: v for k, v in os.environ.items() if not k.startswith(outside)}
        environment |= {
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        }
        log = self.folder / "server.log"
        with log.open("ab") as out:
            self._process = subprocess.Popen(  # noqa: S603 (our own command line)
                command,
                stdout=out,
                stderr=out,
                stdin=subprocess.DEVNULL,
                env=environment,
                start_new_session=True,
            )
        (self.folder / "server.pid").write_text(str(self._process.pid), encoding="ascii")
        until = time.monotonic() + _START_S
        while time.monotonic() < until and self._process.poll() is None:
            try:
                with urllib.request.urlopen(f"{self._url}/health", timeout=5):  # noqa: S310
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        self._signal(signal.SIGKILL)
        tail = log.read_text(encoding="utf-8", errors="replace")[-2000:]
        raise OSError(f"mlflow server did not start:\n{tail}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
