"""Asks a training to stop at its next step: SIGTERM (preemption) or SIGINT (Ctrl-C)."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

EXIT_CODES = {signal.SIGTERM: 143, signal.SIGINT: 130}
"""128 + the signal's number, as a shell reports it."""

LAUNCHER_PID = "LAKESIGHT_LAUNCHER_PID"


class StopRequest:
    """Takes both signals; a context manager.

    Outside of `deferred` a signal stops at once (SystemExit or KeyboardInterrupt); inside, the first
    one is remembered and a second Ctrl-C stops at once. In a thread that is not the main one signals
    stay as they are.
    """

    def __init__(self) -> None:
        """Nothing is asked for yet."""
        self.signal: signal.Signals | None = None
        self._deferring = False
        self._former: dict[signal.Signals, Any] = {}

    def __enter__(self) -> StopRequest:
        if threading.current_thread() is threading.main_thread():
            for number in EXIT_CODES:
                self._former[number] = signal.signal(number, self._take)
            _watch_launcher()
        return self

    def __exit__(self, *_: object) -> None:
        for number, former in self._former.items():
            signal.signal(number, former)

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """Remember a signal meanwhile instead of stopping; whoever trains looks at `signal`."""
        self._deferring = True
        try:
            yield
        finally:
            self._deferring = False

    def _take(self, number: int, _frame: FrameType | None) -> None:
        again = self.signal is signal.SIGINT and number == signal.SIGINT
        self.signal = self.signal or signal.Signals(number)
        if again or not self._deferring:
            self.stop()

    def stop(self) -> None:
        """Raise what the remembered signal means; return if there was none."""
        if self.signal is signal.SIGINT:
            raise KeyboardInterrupt
        if self.signal is not None:
            raise SystemExit(EXIT_CODES[self.signal])


def _watch_launcher() -> None:
    """Stop this process, one of several, when the one that started them is gone."""
    launcher = os.environ.get(LAUNCHER_PID)
    if launcher is not None:
        threading.Thread(target=_until_orphaned, args=(int(launcher),), daemon=True).start()


def _until_orphaned(launcher: int) -> None:
    while os.getppid() == launcher:
        time.sleep(2.0)
    os.kill(os.getpid(), signal.SIGTERM)
