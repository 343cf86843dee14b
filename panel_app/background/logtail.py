"""The end of what a run writes, kept once for all who read it."""

from __future__ import annotations

import threading

from launch.errors import LaunchError
from launch.launchers import get_launcher
from panel_app.rows import Details

KEPT = 400_000
"""Characters; of a longer output the end."""


class LogTail:
    """Grows as the run writes. Thread-safe.

    Attributes:
        fault: why it can't be read, in words, or "".
    """

    def __init__(self) -> None:
        """Start empty."""
        self.fault = ""
        self._text = ""
        self._before = 0
        self._cursor = 0
        self._lock = threading.Lock()

    @property
    def end(self) -> int:
        """Number of characters read so far."""
        return self._before + len(self._text)

    def read(self, details: Details) -> bool:
        """Read what is new; return whether there was anything."""
        run = details.run
        if not run.is_submitted or run.is_sweep:
            return self._say("Only the output of submitted runs is kept.")
        try:
            text, cursor = get_launcher(run.handle.launcher).logs(run.handle, self._cursor)
        except LaunchError as error:
            return self._say(str(error))
        changed = self._say("")
        if not text:
            return changed
        with self._lock:
            self._cursor = cursor
            self._text += text.replace("\r\n", "\n")
            cut = len(self._text) - KEPT
            if cut > 0:
                cut = self._text.find("\n", cut) + 1 or cut
                self._text = self._text[cut:]
                self._before += cut
        return True

    def since(self, place: int) -> tuple[str, int, bool]:
        """Return what follows a place, the place after it, and whether something before was cut."""
        with self._lock:
            start = max(place - self._before, 0)
            return self._text[start:], self._before + len(self._text), place < self._before

    def _say(self, fault: str) -> bool:
        changed, self.fault = fault != self.fault, fault
        return changed
