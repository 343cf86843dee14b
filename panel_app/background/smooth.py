"""A smoothed curve that grows with the raw one: exponential moving average, without bias at its start."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_MOST = 65_536
_DIGITS = 250
"""Points are averaged in blocks: the weight to the power of a block's length stays above 10^-250."""


class Smoothed:
    """The average of a growing series: y[t] = (sum of w^(t-i) x[i]) / (sum of w^(t-i)), i <= t.

    Source: the debiased average of TensorBoard's smoothing; Kingma & Ba 2015, section 3.
    """

    def __init__(self, weight: float) -> None:
        """Start empty.

        Args:
            weight: of what was before, 0 (no smoothing) to below 1.
        """
        self.weight = weight
        self._block_size = (
            max(min(_MOST, int(_DIGITS / -np.log10(weight))), 1) if weight > 0 else _MOST
        )
        self.values: NDArray[np.float64] = np.empty(0, np.float64)
        self._sum = 0.0
        self._weights = 0.0

    def follow(self, raw_N: NDArray[np.float64], start: int) -> None:
        """Take up a series whose values before `start` are as they were; 0: all is new."""
        if start != len(self.values):
            start, self._sum, self._weights = 0, 0.0, 0.0
        begins = range(start, len(raw_N), self._block_size)
        parts = [self._block(raw_N[begin : begin + self._block_size]) for begin in begins]
        self.values = np.concatenate([self.values[:start], *parts])

    def _block(self, raw_B: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.weight <= 0:
            return raw_B.copy()
        powers = self.weight ** np.arange(1, len(raw_B) + 1)
        sums = powers * (self._sum + np.cumsum(raw_B / powers))
        weights = powers * (self._weights + np.cumsum(1 / powers))
        self._sum, self._weights = float(sums[-1]), float(weights[-1])
        averages: NDArray[np.float64] = sums / weights
        return averages
