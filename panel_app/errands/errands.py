"""Starts, lists and cancels errands. Thread-safe, blocking: call it in threads.

It holds nothing but what it read of errands that have ended: the folders say all.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from launch.errors import LaunchError
from launch.local import process
from launch.local.queue import python_path, state_dir
from panel_app.errands.files import Errand, ErrandFiles, ErrandState, Request

_KEPT = 200
_SECRETS = ("BOKEH_SECRET_KEY",)


class Errands:
    """The errands of this machine.

    Example:
        >>> errands.start("register", {...}, subject="cells", ...)  # doctest: +SKIP
    """

    def __init__(self, root: Path | None = None) -> None:
        """Take the folder of all errands; None: this machine's (`LAKESIGHT_STATE_DIR`)."""
        self.root = root or state_dir() / "app" / "errands"
        self._ended: dict[str, Errand] = {}
        self._lock = threading.Lock()

    def start(
        self,
        kind: str,
        arguments: Mapping[str, Any],
        *,
        subject: str,
        title: str,
        command: str,
        user: str,
    ) -> str:
        """Start an errand and return its id; of one that runs already with the same arguments, that.

        Args:
            kind: of `kinds.KINDS`.
            arguments: for it; JSON-able.
            subject: what it is about, see `Request`.
            title: what is done, in words.
            command: that does the same.
            user: who asks.
        """
        with self._lock:
            for one in self._list():
                same = one.request.kind == kind and one.request.arguments == dict(arguments)
                if one.state is ErrandState.RUNNING and same:
                    return one.id
            self._prune()
            now = time.time()
            files = ErrandFiles(self.root / f"{int(now * 1000):013d}-{secrets.token_hex(4)}")
            files.write_request(Request(kind, dict(arguments), subject, title, command, user, now))
            self._spawn(files)
        return files.folder.name

    def all(self, *kinds: str) -> list[Errand]:
        """Return the errands of these kinds (without any: all), newest first."""
        with self._lock:
            found = self._list()
        return [one for one in found if not kinds or one.request.kind in kinds]

    def get(self, errand_id: str) -> Errand:
        """Return one.

        Raises:
            LaunchError: there is none.
        """
        with self._lock:
            found = self._read(self._folder(errand_id))
        if found is None:
            raise LaunchError(f"there is no errand {errand_id!r}; it may be too old.")
        return found

    def cancel(self, errand_id: str) -> None:
        """Ask it to end; what it began is taken back as far as it can be."""
        files = ErrandFiles(self._folder(errand_id))
        if files.read_request() is not None and not files.outcome.exists():
            files.canceled.touch()
            process.signal_group(files.process, signal.SIGTERM)

    def file(self, errand_id: str, name: str) -> Path:
        """Return where a file that an errand made is.

        Raises:
            LaunchError: it is not there.
        """
        path = self._folder(errand_id) / Path(name).name
        if not path.is_file():
            raise LaunchError(f"{Path(name).name} is not there any more. Make it again.")
        return path

    def _folder(self, errand_id: str) -> Path:
        return self.root / (Path(errand_id).name or "none")

    def _list(self) -> list[Errand]:
        try:
            names = sorted((path.name for path in self.root.iterdir()), reverse=True)
        except OSError:
            return []
        found = (self._read(self.root / name) for name in names)
        return [one for one in found if one is not None]

    def _read(self, folder: Path) -> Errand | None:
        known = self._ended.get(folder.name)
        if known is not None:
            return known
        found = ErrandFiles(folder).read()
        if found is not None and found.state is not ErrandState.RUNNING:
            self._ended[folder.name] = found
        return found

    def _prune(self) -> None:
        for old in self._list()[_KEPT:]:
            if old.state is not ErrandState.RUNNING:
                self._ended.pop(old.id, None)
                shutil.rmtree(self.root / old.id, ignore_errors=True)

    def _spawn(self, files: ErrandFiles) -> None:
        inherited = {key: value for key, value in os.environ.items() if key not in _SECRETS}
        with files.errors.open("ab") as out:
            child = subprocess.Popen(  # noqa: S603 (our own module)
                [sys.executable, "-m", "panel_app.errands.run", str(files.folder)],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env=inherited | {"PYTHONPATH": python_path()},
                # It goes on when the app ends.
                start_new_session=True,
            )
        files.write_process(child.pid)
        threading.Thread(target=child.wait, daemon=True).start()
