"""Fewer points of a curve for the screen, its extremes kept."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SCREEN_POINTS = 2_000
"""Of a curve on the screen: more than it has pixels."""


def thinned(
    steps_N: NDArray[np.int64], values_N: NDArray[np.float64], most: int = SCREEN_POINTS
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return at most `most` points of a curve; single spikes, the first and the last are among them.

    Args:
        steps_N: ascending.
        values_N: finite.
        most: an even number.

    Source: MinMaxLTTB, Van Der Donckt et al. 2023, https://arxiv.org/abs/2305.00332.
    """
    if len(steps_N) <= most:
        return steps_N, values_N
    # Imported with the first long curve: most have none.
    from tsdownsample import MinMaxLTTBDownsampler

    chosen = MinMaxLTTBDownsampler().downsample(
        np.ascontiguousarray(steps_N), np.ascontiguousarray(values_N), n_out=most
    )
    return steps_N[chosen], values_N[chosen]
