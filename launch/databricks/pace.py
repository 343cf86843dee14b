"""How fast a workspace is asked: slower after it says that it is too much."""

from __future__ import annotations

import random
import threading

from launch.clock import Clock
from launch.databricks.client import TRANSIENT, retry_after_s

_FIRST_S = 2.0
_LONGEST_S = 120.0


class Pace:
    """After a failed request the next ones wait, each time longer; one that succeeds ends it."""

    def __init__(self, clock: Clock) -> None:
        """Take the clock."""
        self._clock = clock
        self._failures = 0
        self._until = 0.0
        self._lock = threading.Lock()

    def is_waiting(self) -> bool:
        """Whether nothing is to be asked now."""
        return self._clock.now() < self._until

    def failed(self, error: Exception) -> None:
        """Take what went wrong. What waiting does not change is not waited for."""
        if not isinstance(error, TRANSIENT):
            return
        with self._lock:
            pause_s = min(_FIRST_S * 2.0**self._failures, _LONGEST_S)
            # Not all at the same moment: several processes ask.
            pause_s *= 0.5 + random.random()  # noqa: S311 (no secret)
            self._failures += 1
            asked_s = retry_after_s(error) or 0.0
            self._until = self._clock.now() + max(pause_s, asked_s)

    def answered(self) -> None:
        """Take that a request succeeded."""
        with self._lock:
            self._failures, self._until = 0, 0.0
