"""Precision and recall as the score threshold falls, and COCO's interpolated precision.

Letters: N = detections of a class, the best score first; P = those of them that find an object;
B = sets of image weights; R = 101 recalls.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RECALLS = np.linspace(0.0, 1.0, 101)
"""Where precision is read. Source: COCO detection evaluation."""


def precision_at_recalls(
    found_BP: NDArray[np.integer], total_BP: NDArray[np.integer], objects_B: NDArray[np.integer]
) -> NDArray[np.float64]:
    """Return COCO's interpolated precision: at each recall the best precision from there on.

    Precision can only rise at a detection that finds an object, so only those are looked at.

    Args:
        found_BP: objects found up to and with each one.
        total_BP: detections that count up to and with each one.
        objects_B: objects to find; where 0 the result is NaN.

    Returns:
        float64 [B, R], 0 where a recall is not reached.

    Source: pycocotools `COCOeval.accumulate`.
    """
    num_sets, num_found = found_BP.shape
    precision_BP = found_BP / (total_BP + np.spacing(1))
    best_BP = np.maximum.accumulate(precision_BP[:, ::-1], axis=1)[:, ::-1]
    # Not reached: one column of zeros, to which every index beyond the last points.
    best_BP = np.concatenate([best_BP, np.zeros((num_sets, 1))], axis=1)
    # One sorted search for all sets: each set's counts are lifted above those of the one before.
    needed_BR = _needed(objects_B)
    lift_B1 = (np.arange(num_sets) * (int(objects_B.max(initial=0)) + 2))[:, None]
    index_BR = np.searchsorted((found_BP + lift_B1).ravel(), (needed_BR + lift_B1).ravel())
    index_BR = index_BR.reshape(num_sets, -1) - np.arange(num_sets)[:, None] * num_found
    result_BR = np.take_along_axis(best_BP, index_BR, axis=1)
    result_BR[objects_B == 0] = np.nan
    return result_BR


def _needed(objects_B: NDArray[np.integer]) -> NDArray[np.int64]:
    """Return the least number of found objects whose recall, as a float, reaches each recall."""
    objects_B1 = np.maximum(objects_B, 1)[:, None]
    needed_BR = np.ceil(RECALLS * objects_B1).astype(np.int64)
    needed_BR -= (needed_BR - 1) / objects_B1 >= RECALLS
    needed_BR += needed_BR / objects_B1 < RECALLS
    return needed_BR


@dataclass(frozen=True)
class Curve:
    """Precision and recall of one class at one IoU as the score threshold falls.

    Attributes:
        scores_N: float64 [N], distinct scores, falling; a threshold keeps scores >= it.
        precision_N: float64 [N].
        recall_N: float64 [N].
    """

    scores_N: NDArray[np.float64]
    precision_N: NDArray[np.float64]
    recall_N: NDArray[np.float64]

    @property
    def f1(self) -> NDArray[np.float64]:
        """F1 at each threshold; 0 where precision and recall are 0."""
        total_N = self.precision_N + self.recall_N
        product_N = 2 * self.precision_N * self.recall_N
        return np.divide(product_N, total_N, out=np.zeros_like(total_N), where=total_N > 0)

    def best(self) -> int | None:
        """Return the position of the largest F1 (of equals, the highest score), None if empty."""
        return int(np.argmax(self.f1)) if len(self.scores_N) else None


def curve(
    scores_N: NDArray[np.float64],
    found_N: NDArray[np.bool_],
    ignored_N: NDArray[np.bool_],
    objects: int,
) -> Curve:
    """Return the curve of ranked detections; those that don't count are left out."""
    scores, found = scores_N[~ignored_N], found_N[~ignored_N]
    last = np.flatnonzero(np.append(scores[1:] != scores[:-1], [True])[: len(scores)])
    found_P = np.cumsum(found)[last]
    return Curve(scores[last], found_P / (last + 1), found_P / max(objects, 1))


def mean_defined(values_XB: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean over the first axis of what is not NaN; NaN where nothing is."""
    defined_XB = ~np.isnan(values_XB)
    count_B = defined_XB.sum(axis=0)
    total_B = np.where(defined_XB, values_XB, 0.0).sum(axis=0)
    return np.divide(total_B, count_B, out=np.full(len(count_B), np.nan), where=count_B > 0)
