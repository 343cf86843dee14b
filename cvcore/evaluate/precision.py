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
    found_BP: NDArray[np.float64],
    total_BP: NDArray[np.float64],
    objects_B: NDArray[np.integer],
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
    precision_BP = found_BP / (total_BP + np.spacing(1))
    best_BP = np.maximum.accumulate(precision_BP[:, ::-1], axis=1)[:, ::-1]
    result_BR = np.zeros((len(objects_B), len(RECALLS)))
    for b, objects in enumerate(objects_B.tolist()):
        if objects == 0:
            result_BR[b] = np.nan
            continue
        index_R = np.searchsorted(found_BP[b] / objects, RECALLS, side="left")
        reached = np.searchsorted(index_R, found_BP.shape[1], side="left")
        result_BR[b, :reached] = best_BP[b, index_R[:reached]]
    return result_BR


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
