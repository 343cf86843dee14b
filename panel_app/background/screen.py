"""A curve as sessions show it: thinned once for all of them, then growing at its end."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from panel_app.background.thin import SCREEN_POINTS, thinned

_FRESH = 1_000
"""Points that may follow a thinned curve before it is thinned anew."""
_epochs = itertools.count(1)

Place = tuple[int, int]
"""Where a session is on a screen: (its epoch, points taken); (0, 0): nowhere yet."""

START: Place = (0, 0)


@dataclass(frozen=True)
class Change:
    """What a session lacks.

    Attributes:
        steps: int64 [N].
        values: float64 [N].
        anew: whether they stand in place of all it has, else they follow it.
        place: where the session then is.
    """

    steps: NDArray[np.int64]
    values: NDArray[np.float64]
    anew: bool
    place: Place


class Screen:
    """The points of one curve on the screen. Its arrays are replaced, never changed."""

    def __init__(self) -> None:
        """Start empty."""
        self.epoch = next(_epochs)
        self.steps: NDArray[np.int64] = np.empty(0, np.int64)
        self.values: NDArray[np.float64] = np.empty(0, np.float64)

    def follow(self, steps_N: NDArray[np.int64], values_N: NDArray[np.float64], start: int) -> None:
        """Take up a curve whose points before `start` are as they were; 0: all is new."""
        fresh = len(steps_N) - start
        if start and len(self.steps) + fresh <= SCREEN_POINTS + _FRESH:
            self.steps = np.concatenate([self.steps, steps_N[start:]])
            self.values = np.concatenate([self.values, values_N[start:]])
            return
        # One read of another thread sees both or neither: `pull` looks at the epoch first and last.
        self.epoch = next(_epochs)
        steps_S, values_S = thinned(steps_N, values_N)
        self.steps, self.values = steps_S.copy(), values_S.copy()

    def pull(self, place: Place) -> Change | None:
        """Return what a session lacks, None if nothing."""
        epoch, taken = place
        if epoch != self.epoch:
            return Change(self.steps, self.values, True, (self.epoch, len(self.steps)))
        if taken == len(self.steps):
            return None
        new = Change(self.steps[taken:], self.values[taken:], False, (epoch, len(self.steps)))
        return new
