"""What a run writes, brought to a Volume in parts while it runs."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from pathlib import Path

from launch.node.layout import chunk_name, chunk_offset

_log = logging.getLogger(__name__)

_LONGEST_INTERVAL_S = 30.0
_PART_BYTES = 512 * 1024


class LogParts:
    """Takes bytes and leaves them as files `<offset>.txt` in a folder; no character is torn.

    The interval grows from the given one to 30 s, so that a day's log is some thousand files.
    """

    def __init__(self, folder: Path, interval_s: float) -> None:
        """Go on after what the folder holds.

        Args:
            folder: on the Volume; created.
            interval_s: the first interval between parts, seconds.
        """
        self.folder = folder
        self._interval_s = interval_s
        self._buffer = bytearray()
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._wake = threading.Event()
        self._closing = False
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
        self._offset = _end_of(folder)
        self._thread = threading.Thread(target=self._run, name="log-parts", daemon=True)
        self._thread.start()

    def write(self, data: bytes) -> None:
        """Take more output."""
        with self._lock:
            self._buffer += data
            full = len(self._buffer) >= _PART_BYTES
        if full:
            self._wake.set()

    def close(self) -> None:
        """Leave what there is; return when it is there, or can't be."""
        self._closing = True
        self._wake.set()
        self._thread.join()
        self._flush(everything=True)

    def _run(self) -> None:
        interval_s = self._interval_s
        while not self._closing:
            self._wake.wait(interval_s)
            self._wake.clear()
            self._flush(everything=False)
            interval_s = min(interval_s * 1.02, max(_LONGEST_INTERVAL_S, self._interval_s))

    def _flush(self, *, everything: bool) -> None:
        with self._writing:
            with self._lock:
                size = len(self._buffer) if everything else whole(self._buffer)
                data = bytes(self._buffer[:size])
            if not data:
                return
            try:
                (self.folder / chunk_name(self._offset)).write_bytes(data)
            except OSError as error:
                _log.debug(
                    "the log can't be written to %s (%s); kept for later", self.folder, error
                )
                return
            with self._lock:
                del self._buffer[:size]
            self._offset += size


def whole(data: bytes | bytearray) -> int:
    """Return how many of the bytes end with a whole UTF-8 character."""
    for back in range(1, min(4, len(data)) + 1):
        byte = data[-back]
        if byte & 0b1100_0000 == 0b1000_0000:
            continue  # in the middle of a character
        length = 1 if byte < 0x80 else 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
        return len(data) - (back if length > back else 0)
    return len(data)


def _end_of(folder: Path) -> int:
    """Return the first byte after what a folder holds."""
    end = 0
    with contextlib.suppress(OSError):
        for entry in os.scandir(folder):
            start = chunk_offset(entry.name)
            if start is not None:
                end = max(end, start + entry.stat().st_size)
    return end
