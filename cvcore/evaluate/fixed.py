"""How much AP50 would rise if one kind of error were gone: what is worth working on. Torch-free.

Letters: K = classes, R = detections of all images, M = objects of all images.
All detections take part, whatever their score, as in AP itself. A detection whose class or place is
put right finds its object; of several on one object the best score stays and the others go, as do
duplicates, background and what is wrong in both. For "missed" the objects that no detection is on or
near are taken away.

Source: TIDE, Bolya et al. 2020, sec. 2.3.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cvcore.evaluate.coco import CocoMetric
from cvcore.evaluate.error_types import ErrorType
from cvcore.evaluate.errors import ERROR_NAMES, judge
from cvcore.evaluate.overlap import IouType
from cvcore.evaluate.precision import mean_defined, precision_at_recalls

_MOVED = (ErrorType.CLASSIFICATION, ErrorType.LOCALISATION)


def gains(metric: CocoMetric, kind: IouType) -> dict[str, float]:
    """Return by kind of error how much higher AP50 would be without it, 0..1.

    NaN where AP50 itself is not defined.

    Args:
        metric: after its last update.
        kind: bbox or segm; the metric must measure it.
    """
    num = len(metric.labels)
    score_R = metric.tables[kind].ordered("detections")["score"]
    found = judge(metric, kind, [float("-inf")] * num)
    objects_K = np.bincount(found.label_M[found.counts_M], minlength=num)
    counted_R = found.error_R != ErrorType.IGNORED
    correct_R = found.error_R == ErrorType.CORRECT

    def ap50(
        label_R: NDArray[np.int64],
        correct_R: NDArray[np.bool_],
        kept_R: NDArray[np.bool_],
        objects_K: NDArray[np.int64],
    ) -> float:
        values = []
        for k in range(num):
            of_class = np.flatnonzero(kept_R & (label_R == k))
            ranked = of_class[np.argsort(-score_R[of_class], kind="stable")]
            total_P = np.flatnonzero(correct_R[ranked]) + 1
            found_P = np.arange(1, len(total_P) + 1)
            precision_1R = precision_at_recalls(
                found_P[None], total_P[None], np.array([objects_K[k]])
            )
            values.append(precision_1R[0].mean())
        return float(mean_defined(np.array(values)[:, None])[0])

    before = ap50(found.label_R, correct_R, counted_R, objects_K)
    result = {}
    for error, name in ERROR_NAMES.items():
        is_it_R = found.error_R == error
        if error not in _MOVED:
            after = ap50(found.label_R, correct_R, counted_R & ~is_it_R, objects_K)
        else:
            right_R = correct_R | (is_it_R & _counts(is_it_R, found.object_R, found.counts_M))
            best_R = _best_of_object(right_R, found.object_R, score_R, correct_R)
            label_R = found.label_R.copy()
            label_R[is_it_R] = found.label_M[found.object_R[is_it_R]]
            kept_R = counted_R & (~(is_it_R | correct_R) | best_R)
            after = ap50(label_R, best_R, kept_R, objects_K)
        result[name] = after - before
    missed_K = np.bincount(found.label_M[found.missed_M], minlength=num)
    result["missed"] = ap50(found.label_R, correct_R, counted_R, objects_K - missed_K) - before
    return result


def _counts(
    is_it_R: NDArray[np.bool_], object_R: NDArray[np.int64], counts_M: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Return which of the detections are about an object that counts."""
    about_R = np.zeros(len(is_it_R), bool)
    about_R[is_it_R] = counts_M[object_R[is_it_R]]
    return about_R


def _best_of_object(
    right_R: NDArray[np.bool_],
    object_R: NDArray[np.int64],
    score_R: NDArray[np.float64],
    first_R: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Return the best-scored right detection of each object; of equal scores the one in `first_R`."""
    at = np.flatnonzero(right_R)
    at = at[np.lexsort((~first_R[at], -score_R[at], object_R[at]))]
    new = np.append(True, object_R[at][1:] != object_R[at][:-1])[: len(at)]
    best_R = np.zeros(len(right_R), bool)
    best_R[at[new]] = True
    return best_R
