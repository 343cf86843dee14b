"""What each class finds, misses and makes up at any score threshold, at IoU 0.5. Torch-free.

Letters: K = classes, N = detections of a class.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cvcore.evaluate.coco import CocoMetric
from cvcore.evaluate.overlap import IouType


@dataclass(frozen=True, slots=True)
class Counts:
    """One class, or all, at one threshold; a quotient without a denominator is NaN.

    Attributes:
        tp: detections that find an object.
        fp: detections that don't.
        fn: objects that no detection finds.
    """

    tp: int
    fp: int
    fn: int

    @property
    def precision(self) -> float:
        """Share of the detections that are right."""
        return self.tp / (self.tp + self.fp) if self.tp + self.fp else float("nan")

    @property
    def recall(self) -> float:
        """Share of the objects that are found."""
        return self.tp / (self.tp + self.fn) if self.tp + self.fn else float("nan")

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        total = 2 * self.tp + self.fp + self.fn
        return 2 * self.tp / total if total else float("nan")


class Thresholds:
    """Counts at any thresholds, from what the metric keeps: microseconds each.

    Example:
        >>> Thresholds(metric, "bbox").counts([0.5] * 80)  # doctest: +SKIP
    """

    def __init__(self, metric: CocoMetric, kind: IouType) -> None:
        """Rank the detections of each class once."""
        self.names = metric.labels.names
        self._rising: list[NDArray[np.float64]] = []
        self._found: list[NDArray[np.int64]] = []
        self._objects: list[int] = []
        for ranked in metric.ranked(kind):
            counts_N = ~ranked.ignored(0, 0)
            self._rising.append(-ranked.detections_N["score"][counts_N])
            self._found.append(np.append(0, np.cumsum(ranked.found(0, 0)[counts_N])))
            self._objects.append(ranked.num_objects())

    def counts(self, thresholds: Sequence[float]) -> list[Counts]:
        """Return each class's counts when it keeps the scores from its threshold on.

        Args:
            thresholds: one per class, in label order.
        """
        return [self.of_class(k, threshold) for k, threshold in enumerate(thresholds)]

    def of_class(self, k: int, threshold: float) -> Counts:
        """Return the counts of class index `k` at a score threshold, 0..1."""
        shown = int(np.searchsorted(self._rising[k], -threshold, side="right"))
        tp = int(self._found[k][shown])
        return Counts(tp, shown - tp, self._objects[k] - tp)

    def f1_curve(self, k: int, thresholds: Sequence[float]) -> list[float]:
        """Return the F1, 0..1, of class index `k` at many score thresholds."""
        return [self.of_class(k, threshold).f1 for threshold in thresholds]


def total(counts: Sequence[Counts]) -> Counts:
    """Return the sums over classes: every detection and object weighs the same."""
    return Counts(
        sum(one.tp for one in counts), sum(one.fp for one in counts), sum(one.fn for one in counts)
    )
