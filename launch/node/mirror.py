"""The first process's spool, brought to the driver over a Volume where they are two machines.

The driver signs in to MLflow; the machines that train need no credentials. What the spool names is
copied first, then its lines, so that the driver never reads of a file it does not have.
"""

from __future__ import annotations

import contextlib
import json
import logging
import shutil
import threading
from pathlib import Path

from cvcore.metrics.spool import FOLDER
from launch.node.layout import chunk_offset
from launch.node.log import LogParts

_log = logging.getLogger(__name__)

_LOOK_S = 3.0
_LINES, _FILES = "lines", "files"
_ALSO = ("result.json", "log.txt")


class Publisher:
    """A thread beside the first process that publishes the run's spool."""

    def __init__(self, run_dir: Path, shared: Path, interval_s: float = _LOOK_S) -> None:
        """Start.

        Args:
            run_dir: the run's folder on this machine.
            shared: a folder that the driver sees too.
            interval_s: between two looks, seconds.
        """
        self._run_dir = run_dir
        self._files = shared / _FILES
        self._lines = LogParts(shared / _LINES, interval_s)
        self._interval_s = interval_s
        self._position = 0
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Publish what is left."""
        self._closing.set()
        self._thread.join()
        self._look()
        for name in (*_ALSO, *(f.name for f in self._run_dir.glob(".failure.*"))):
            self._copy(name)
        self._lines.close()

    def _run(self) -> None:
        while not self._closing.wait(self._interval_s):
            self._look()

    def _look(self) -> None:
        try:
            with (self._run_dir / FOLDER / "entries.jsonl").open("rb") as file:
                file.seek(self._position)
                data = file.read()
        except OSError:
            return
        data = data[: data.rfind(b"\n") + 1]
        for line in data.splitlines():
            with contextlib.suppress(ValueError, KeyError, TypeError):
                self._copy(json.loads(line)["path"])
        self._lines.write(data)
        self._position += len(data)

    def _copy(self, name: str) -> None:
        source, target = self._run_dir / name, self._files / name
        try:
            if source.is_dir():
                shutil.copytree(source, target, dirs_exist_ok=True, copy_function=shutil.copyfile)
            elif source.is_file():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target)
        except (OSError, shutil.Error) as error:
            _log.warning("%s could not be published (%s)", name, error)


class Subscriber:
    """A thread on the driver that makes the run's folder there as the first process's is."""

    def __init__(self, shared: Path, run_dir: Path, interval_s: float = _LOOK_S) -> None:
        """Start; see `Publisher`."""
        self._lines, self._files = shared / _LINES, shared / _FILES
        self._run_dir = run_dir
        (run_dir / FOLDER).mkdir(parents=True, exist_ok=True)
        self._spool = run_dir / FOLDER / "entries.jsonl"
        self._spool.touch()
        self._before = self._spool.stat().st_size  # of earlier attempts
        self._interval_s = interval_s
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="subscriber", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Take what is left."""
        self._closing.set()
        self._thread.join()
        self._look()
        for path in self._files.glob("*") if self._files.is_dir() else ():
            if path.is_file():
                self._fetch(path.name)

    def _run(self) -> None:
        while not self._closing.wait(self._interval_s):
            self._look()

    def _look(self) -> None:
        """Take the parts after what is here, in order; a gap is waited for."""
        try:
            parts = sorted(p for p in self._lines.glob("*") if chunk_offset(p.name) is not None)
        except OSError:
            return
        for part in parts:
            have = self._spool.stat().st_size - self._before
            if chunk_offset(part.name) != have:
                continue
            try:
                data = part.read_bytes()
            except OSError:
                return
            whole = data.rfind(b"\n") + 1
            if whole != len(data):
                return  # it is just being written
            for line in data.splitlines():
                with contextlib.suppress(ValueError, KeyError, TypeError):
                    self._fetch(json.loads(line)["path"])
            with self._spool.open("ab") as file:
                file.write(data)

    def _fetch(self, name: str) -> None:
        source, target = self._files / name, self._run_dir / name
        with contextlib.suppress(OSError, shutil.Error):
            if source.is_dir():
                shutil.copytree(source, target, dirs_exist_ok=True, copy_function=shutil.copyfile)
            elif source.is_file():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target)
