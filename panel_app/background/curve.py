"""One metric's whole history in this process, and its screens."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque

import numpy as np
from numpy.typing import NDArray

from cvcore.metrics.stream import Points
from panel_app.background.screen import START, Change, Place, Screen
from panel_app.background.smooth import Smoothed
from panel_app.background.thin import thinned

ZOOM_POINTS = 4_000
"""Points of a range that are shown as they are; of more, the extremes."""

_SMOOTHINGS = 3
"""Kept for a curve; the one unused longest goes."""
_RECENT = 64


class Curve:
    """Steps and values of one metric, one value for each step: the newest that was logged.

    Thread-safe; what it hands out is never changed.

    Attributes:
        is_whole: whether every point is here; else those are missing that the server left out.
        recent: (step, time in ms) of the newest points.
        version: grows with every change.
    """

    def __init__(self) -> None:
        """Start empty."""
        self.is_whole = True
        self.version = 0
        self._lock = threading.RLock()
        self.recent: deque[tuple[int, int]] = deque(maxlen=_RECENT)
        self._steps = np.empty(64, np.int64)
        self._values = np.empty(64, np.float64)
        self._count = 0
        self._raw = Screen()
        self._smooth: OrderedDict[float, tuple[Smoothed, Screen]] = OrderedDict()

    def __len__(self) -> int:
        """Return how many points are here."""
        return self._count

    @property
    def steps(self) -> NDArray[np.int64]:
        """Steps, ascending, int64 [N]."""
        return self._steps[: self._count]

    @property
    def values(self) -> NDArray[np.float64]:
        """Values, float64 [N], all finite."""
        return self._values[: self._count]

    @property
    def last_step(self) -> int | None:
        """The highest step, None before the first point."""
        return int(self._steps[self._count - 1]) if self._count else None

    def add(self, points: Points) -> bool:
        """Take points; those that are not finite leave no mark. Return whether anything changed."""
        with self._lock:
            keep = np.isfinite(points.values)
            steps, values, times = points.steps[keep], points.values[keep], points.times_ms[keep]
            if not len(steps):
                return False
            # Of a step logged several times the newest counts: the last one of its group.
            last = np.append(steps[1:] != steps[:-1], True)
            steps, values, times = steps[last], values[last], times[last]
            start = int(np.searchsorted(steps, self.last_step + 1)) if self._count else 0  # type: ignore[operator]
            changed = start > 0 and self._merge(steps[:start], values[:start])
            fresh = len(steps) - start
            if not changed and not fresh:
                return False
            before = 0 if changed else self._count
            self.version += 1
            self._append(steps[start:], values[start:])
            self.recent.extend(zip(steps[start:].tolist(), times[start:].tolist(), strict=True))
            self._raw.follow(self.steps, self.values, before)
            for smoothed, screen in self._smooth.values():
                smoothed.follow(self.values, before)
                screen.follow(self.steps, smoothed.values, before)
            return True

    def replace(self, points: Points) -> bool:
        """Take points in place of all that are here; return whether anything changed."""
        with self._lock:
            fresh = Curve()
            fresh.add(points)
            same = np.array_equal(fresh.steps, self.steps) and np.array_equal(
                fresh.values, self.values
            )
            if same:
                return False
            self._count = 0
            self.recent.clear()
            self._steps, self._values = np.empty(64, np.int64), np.empty(64, np.float64)
            self.add(points)
            return True

    def pull(self, place: Place = START, smoothing: float = 0.0) -> Change | None:
        """Return what a session at a place lacks, None if nothing."""
        with self._lock:
            if smoothing <= 0:
                return self._raw.pull(place)
            if smoothing not in self._smooth:
                smoothed, screen = Smoothed(smoothing), Screen()
                smoothed.follow(self.values, 0)
                screen.follow(self.steps, smoothed.values, 0)
                self._smooth[smoothing] = smoothed, screen
                while len(self._smooth) > _SMOOTHINGS:
                    self._smooth.popitem(last=False)
            self._smooth.move_to_end(smoothing)
            return self._smooth[smoothing][1].pull(place)

    def window(
        self, first: float, last: float, smoothing: float = 0.0
    ) -> tuple[NDArray[np.int64], NDArray[np.float64], bool]:
        """Return the points of a range of steps, one more on each side, and whether that is all.

        Args:
            first: step.
            last: step.
            smoothing: as of `pull`.
        """
        with self._lock:
            values = self.values
            if smoothing > 0:
                self.pull(START, smoothing)
                values = self._smooth[smoothing][0].values
            steps = self._steps[: len(values)]
            begin = max(int(np.searchsorted(steps, first)) - 1, 0)
            end = min(int(np.searchsorted(steps, last, side="right")) + 1, len(steps))
            is_all = self.is_whole and end - begin <= ZOOM_POINTS
            return *thinned(steps[begin:end], values[begin:end], ZOOM_POINTS), is_all

    def _merge(self, steps: NDArray[np.int64], values: NDArray[np.float64]) -> bool:
        """Put points among those that are here; return whether any was new or different."""
        at = np.searchsorted(self.steps, steps)
        known = self._steps[at] == steps
        if known.all() and (self._values[at] == values).all():
            return False
        # Copies: another thread may be reading the old arrays.
        merged = self.values.copy()
        merged[at[known]] = values[known]
        new = ~known
        self._steps = np.insert(self.steps, at[new], steps[new])
        self._values = np.insert(merged, at[new], values[new])
        self._count = len(self._steps)
        return True

    def _append(self, steps: NDArray[np.int64], values: NDArray[np.float64]) -> None:
        end = self._count + len(steps)
        if end > len(self._steps):
            room = max(end, 2 * len(self._steps))
            for name, kind in (("_steps", np.int64), ("_values", np.float64)):
                grown = np.empty(room, kind)
                grown[: self._count] = getattr(self, name)[: self._count]
                setattr(self, name, grown)
        self._steps[self._count : end] = steps
        self._values[self._count : end] = values
        self._count = end
