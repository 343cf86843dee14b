"""A real MLflow server of this machine: started on a free loopback port, watched, ended with its owner.

Its folder holds `server.log` and, of each owner, `server-<pid>.json`: the server that a killed owner left
behind is ended when the next one starts.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from cvcore.metrics.server import opening
from launch.local import process

log = logging.getLogger(__name__)

_START_S = 120
_LOOK_S = 1.0
_MAX_LOG_BYTES = 2_000_000


class TrackingServer:
    """`mlflow server` on a database; what is in it survives the server. Thread-safe.

    Example:
        >>> server = TrackingServer(Path("/tmp/tracking"), "sqlite:////data/mlruns.db", "/data/mlruns")
        >>> server.url()  # doctest: +SKIP
        'http://127.0.0.1:41234'
    """

    def __init__(self, folder: Path, store_uri: str, artifact_root: str) -> None:
        """Take what it serves; starts nothing.

        Args:
            folder: for its log and the record of its process.
            store_uri: of the database.
            artifact_root: where artifacts of new experiments are; clients reach it themselves.
        """
        self.folder = folder
        self.log = folder / "server.log"
        self._store_uri, self._artifact_root = store_uri, artifact_root
        self._record = folder / f"server-{os.getpid()}.json"
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0
        self._url = ""
        self._ended = threading.Event()

    def url(self) -> str:
        """Return its address, starting it if need be: it answers then.

        Raises:
            OSError: it did not come up; the message has the end of its log.
        """
        with self._lock:
            if self._ended.is_set():
                raise OSError("the tracking server was ended")
            if not self.is_up:
                self._start()
            return self._url

    @property
    def is_up(self) -> bool:
        """Whether it was started and its process lives."""
        running = self._process
        return bool(self._url) and running is not None and running.poll() is None

    def watch(self) -> None:
        """Start it, and again whenever it dies, until `stop`: in a thread of its own."""
        threading.Thread(target=self._keep, name="tracking-server", daemon=True).start()

    def stop(self) -> None:
        """End it with its workers, for good."""
        self._ended.set()
        # A start under way is not waited for: ending its process ends it.
        running = self._process
        if running is None:
            return
        self._signal(running, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            running.wait(5)
        # A worker may outlive the first process.
        self._signal(running, signal.SIGKILL)
        running.wait()
        self._record.unlink(missing_ok=True)

    def end_orphans(self) -> None:
        """End the servers that owners left behind which were killed; those of living owners stay."""
        for record in self.folder.glob("server-*.json"):
            try:
                known = json.loads(record.read_text(encoding="ascii"))
                owner, server = str(known["owner"]), str(known["server"])
            except (OSError, ValueError, KeyError):
                record.unlink(missing_ok=True)
                continue
            if owner == process.identity(os.getpid()) or not process.is_alive(owner):
                process.signal_group(server, signal.SIGKILL)
                record.unlink(missing_ok=True)

    def _keep(self) -> None:
        wait_s = _LOOK_S
        while not self._ended.wait(wait_s if self._url else 0):
            if self.is_up:
                wait_s = _LOOK_S
                continue
            if self._url:
                log.warning("the tracking server has ended; it is started again")
            try:
                self.url()
            except OSError as error:
                if self._ended.is_set():
                    return
                wait_s = min(wait_s * 2, 60)
                self._ended.wait(wait_s)
                log.error("%s", error)

    def _start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.end_orphans()
        # One at a time: a new database is made by the first server that opens it.
        with _only_one(self.folder / "start.lock"):
            if self._ended.is_set():
                raise OSError("the tracking server was ended")
            self._port = _free_port(self._port)
            with opening(self._store_uri):
                self._spawn()
                self._await()

    def _spawn(self) -> None:
        command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1"]
        command += ["--port", str(self._port), "--workers", "1"]
        command += ["--uvicorn-opts", "--no-access-log"]
        command += ["--backend-store-uri", self._store_uri]
        command += ["--default-artifact-root", self._artifact_root, "--no-serve-artifacts"]
        outside = ("MLFLOW_", "DATABRICKS_")
        environment = {k: v for k, v in os.environ.items() if not k.startswith(outside)}
        environment |= {
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        }
        with contextlib.suppress(FileNotFoundError):
            if self.log.stat().st_size > _MAX_LOG_BYTES:
                self.log.unlink()
        with self.log.open("ab") as out:
            self._process = subprocess.Popen(  # noqa: S603 (our own command line)
                command,
                stdout=out,
                stderr=out,
                stdin=subprocess.DEVNULL,
                env=environment,
                start_new_session=True,
            )
        mine = {"owner": process.identity(os.getpid())}
        mine["server"] = process.identity(self._process.pid)
        self._record.write_text(json.dumps(mine), encoding="ascii")

    def _await(self) -> None:
        running, url = self._process, f"http://127.0.0.1:{self._port}"
        assert running is not None
        until = time.monotonic() + _START_S
        while time.monotonic() < until and running.poll() is None and not self._ended.is_set():
            try:
                with urllib.request.urlopen(f"{url}/health", timeout=5):  # noqa: S310
                    self._url = url
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        self._signal(running, signal.SIGKILL)
        tail = self.log.read_text(encoding="utf-8", errors="replace")[-2000:]
        raise OSError(f"mlflow server did not start:\n{tail}")

    def _signal(self, running: subprocess.Popen[bytes], number: int) -> None:
        # Its workers are processes of their own.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(running.pid, number)


@contextlib.contextmanager
def _only_one(path: Path) -> Iterator[None]:
    with path.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _free_port(wanted: int) -> int:
    """Return a port that is free: the one it had, so that open pages and links find it again."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise OSError("no port is free")
