"""Time, handed in: whoever waits takes a `Clock`, so that tests do not."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """What a launcher knows of time."""

    def now(self) -> float:
        """Return the time, seconds since 1970 (UTC)."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class SystemClock:
    """The machine's time."""

    def now(self) -> float:
        """Return the time, seconds since 1970 (UTC)."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)
