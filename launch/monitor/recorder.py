"""The flight recorder of an endpoint: a thread of its own; a request never waits for it."""

from __future__ import annotations

import logging
import queue
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cvcore.config.schema import MonitoringConf
from launch.monitor.read_request import records
from launch.monitor.store import Store

log = logging.getLogger(__name__)

_WAITING = 8
"""Requests that wait to be recorded; more are left out."""


@dataclass(frozen=True)
class _Seen:
    at: float
    served: str
    seconds: float
    request: bytes
    answer: bytes


class Recorder:
    """Takes requests with their answers, keeps a sample of them."""

    def __init__(self, folder: Path, conf: MonitoringConf, labels: Callable[[str], str]) -> None:
        """Begin; `close` ends its thread.

        Args:
            folder: of the endpoint's records.
            conf: how many are kept, and for how long.
            labels: returns the hash of a served version's label space.
        """
        self.conf = conf
        self.left_out = 0
        self._labels = labels
        self._store = Store(folder, conf.record_mib, conf.record_days)
        self._queue: queue.Queue[_Seen | None] = queue.Queue(_WAITING)
        self._next_at = 0.0
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._thread.start()

    def see(self, served: str, seconds: float, request: bytes, answer: bytes) -> None:
        """Take a request that was answered, or leave it out; returns at once."""
        now = time.monotonic()
        if now < self._next_at or random.random() >= self.conf.record_share:  # noqa: S311
            return
        self._next_at = now + 1.0 / self.conf.record_per_s
        try:
            self._queue.put_nowait(_Seen(time.time(), served, seconds, request, answer))
        except queue.Full:
            self.left_out += 1

    def close(self) -> None:
        """Write what waits, and end."""
        self._queue.put(None)
        self._thread.join(10)

    def _run(self) -> None:
        while (seen := self._queue.get()) is not None:
            try:
                self._keep(seen)
            except Exception:  # the endpoint goes on without its recorder's fault
                log.exception("a request could not be recorded")
        self._store.close()

    def _keep(self, seen: _Seen) -> None:
        for record, picture in records(
            seen.request,
            seen.answer,
            at=seen.at,
            served=seen.served,
            labels=self._labels(seen.served),
            seconds=seen.seconds,
            side_px=self.conf.record_side_px,
        ):
            self._store.add(record, picture)
