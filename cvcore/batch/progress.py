"""How far a batch is: a file that anybody reads while it runs and afterwards."""

from __future__ import annotations

import json
import os
import time
from collections import deque
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from cvcore.batch.job import STATE

FILE = "progress.json"
_WINDOW_S = 60.0


@dataclass(frozen=True)
class BatchProgress:
    """How far a batch is.

    Attributes:
        state: RUNNING, SUCCEEDED, FAILED or INTERRUPTED.
        total: images of the batch.
        done: images that are in the output, those without an answer too.
        bad: of them, images that could not be read.
        resumed: images that an earlier start had done.
        per_s: images per second lately.
        eta_s: how long it will still take, seconds; None: not known yet.
        workers: processes at work.
        started_at: when this start began, seconds since 1970 (UTC).
        updated_at: when this was written.
        message: a sentence; "" if there is nothing to say.
        out: the output.
        format: of it.
    """

    state: str
    total: int = 0
    done: int = 0
    bad: int = 0
    resumed: int = 0
    per_s: float = 0.0
    eta_s: float | None = None
    workers: int = 0
    started_at: float = 0.0
    updated_at: float = 0.0
    message: str = ""
    out: str = ""
    format: str = ""


def read_progress(out: Path) -> BatchProgress | None:
    """Return how far the batch of an output folder is, None where there is none."""
    return parse((out / STATE / FILE).read_bytes()) if (out / STATE / FILE).is_file() else None


def parse(data: bytes) -> BatchProgress | None:
    """Return what `write_progress` wrote; None if it is torn."""
    try:
        values = json.loads(data)
    except ValueError:
        return None
    known = {item.name for item in fields(BatchProgress)}
    return BatchProgress(**{key: value for key, value in values.items() if key in known})


def write_progress(state: Path, progress: BatchProgress) -> None:
    """Write it in one go."""
    part = state / f"{FILE}.{os.getpid()}.part"
    part.write_text(json.dumps(asdict(progress)))
    part.replace(state / FILE)


class Rate:
    """Images per second over the last minute."""

    def __init__(self) -> None:
        """Start now."""
        self._points: deque[tuple[float, int]] = deque([(time.monotonic(), 0)])

    def add(self, done: int) -> None:
        """Take how many were done by now, in all."""
        now = time.monotonic()
        self._points.append((now, done))
        while len(self._points) > 2 and self._points[1][0] < now - _WINDOW_S:
            self._points.popleft()

    @property
    def per_s(self) -> float:
        """Images per second; 0 before there are any."""
        (first, before), (last, after) = self._points[0], self._points[-1]
        return (after - before) / (last - first) if last > first else 0.0
