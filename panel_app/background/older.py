"""The rows of runs beyond the newest: read in the background, some at a time, and again now and then."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator

from cvcore.errors import LakesightError
from panel_app.rows import Row

log = logging.getLogger(__name__)

NEWEST = 1_000
"""Runs that are read every few seconds."""
AGAIN_S = 300.0
"""Between two reads of the others: what ended long ago changes by a tag at most."""


class Older:
    """What is known of the older runs. Thread-safe.

    Example:
        >>> Older(lambda: iter([])).joined([])
        []
    """

    def __init__(self, pages: Callable[[], Iterator[list[Row]]], newest: int = NEWEST) -> None:
        """Take what is read with; nothing is read before there are as many runs as `newest`.

        Args:
            pages: gives the rows of all runs in parts.
            newest: how many are read without this.
        """
        self._pages, self._newest = pages, newest
        self._rows: dict[str, Row] = {}
        self._read_at = float("-inf")
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def joined(self, newest: list[Row]) -> list[Row]:
        """Return the newest rows, then those of older runs as far as they are known; never blocks."""
        if len(newest) < self._newest:
            return newest
        with self._lock:
            due = time.monotonic() - self._read_at >= AGAIN_S
            if due and (self._thread is None or not self._thread.is_alive()):
                self._thread = threading.Thread(target=self._read, name="older-runs", daemon=True)
                self._thread.start()
            fresh = {one.run_id: one for one in newest}
            # Those that newer ones push out are not lost until the next read.
            self._rows |= fresh
            rest = [one for run_id, one in self._rows.items() if run_id not in fresh]
        return newest + sorted(rest, key=lambda one: -one.submitted_at)

    def renew(self) -> None:
        """Have them read again soon: something was done to a run."""
        self._read_at = float("-inf")

    def _read(self) -> None:
        try:
            rows = {one.run_id: one for page in self._pages() for one in page}
        except LakesightError as error:
            log.warning("older runs can't be read: %s", error)
            return
        with self._lock:
            self._rows, self._read_at = rows, time.monotonic()
