"""Counting pixels of pairs of ids in two maps, by runs of equal pixels.

Letters: H, W = image size; P = distinct pairs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvcore.errors import ModelError
from cvcore.evaluate.table import ImageId


def count_pairs(
    first_HW: NDArray[np.integer[Any]], second_HW: NDArray[np.integer[Any]]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the distinct pairs of values at the same pixel, and their pixels.

    Neighbours mostly have equal values, so runs are sorted, not pixels: about ten times faster
    than `np.unique` of a map.

    Args:
        first_HW: values 0 .. 2^31 - 1.
        second_HW: values 0 .. 2^31 - 1, of the same shape.

    Returns:
        int64 [P] first values, second values, pixels; sorted by the first, then the second.
    """
    pair = (first_HW.astype(np.int64) << 32 | second_HW).ravel()
    if not pair.size:
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.int64)
    starts = np.flatnonzero(np.append(True, pair[1:] != pair[:-1]))
    lengths = np.diff(np.append(starts, pair.size))
    pair_P, index = np.unique(pair[starts], return_inverse=True)
    pixels_P = np.bincount(index, weights=lengths).astype(np.int64)
    return pair_P >> 32, pair_P & 0xFFFFFFFF, pixels_P


def require_same_size(
    prediction_HW: NDArray[Any], truth_HW: NDArray[Any], image_id: ImageId
) -> None:
    """Raise ModelError when a predicted map has another size than the true one."""
    if prediction_HW.shape != truth_HW.shape:
        raise ModelError(
            f"image {image_id!r}: the predicted map is {prediction_HW.shape}, the true one "
            f"{truth_HW.shape} (height, width). Predictions are given at the image's own size."
        )
