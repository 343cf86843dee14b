"""A clock that moves only when it is told to, or waited on."""

from __future__ import annotations

import threading


class FakeClock:
    """A `launch.clock.Clock`; sleeping moves it and takes no time."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        """Start at a time, seconds since 1970 (UTC)."""
        self._now = now
        self._lock = threading.Lock()

    def now(self) -> float:
        """Return the time, seconds since 1970 (UTC)."""
        with self._lock:
            return self._now

    def sleep(self, seconds: float) -> None:
        """Move on."""
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Move on."""
        with self._lock:
            self._now += seconds
