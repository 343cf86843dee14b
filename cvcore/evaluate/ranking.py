"""One class's detections over all images, ranked by score: what AP, recall and curves read.

Letters: N = detections, M = objects of the class; I = images, B = sets of image weights,
T = IoU thresholds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvcore.evaluate.matching import IOU_THRESHOLDS, LANE_BITS
from cvcore.evaluate.precision import Curve, curve, precision_at_recalls
from cvcore.evaluate.table import ImageTable, OrderedRows

_WEIGHTS_AT_ONCE = 2_000_000
"""Weights (sets x detections) handled at a time: bounds the memory of a bootstrap."""


@dataclass(frozen=True)
class Ranked:
    """One class over all images.

    Attributes:
        detections_N: rows of `coco_image.DETECTION`, the best score first.
        image_N: int64 [N], each one's image.
        rank_N: int64 [N], its rank in its image and class, from 0.
        objects_M: rows of `coco_image.OBJECT`.
        object_image_M: int64 [M], each object's image.
    """

    detections_N: NDArray[Any]
    image_N: NDArray[np.int64]
    rank_N: NDArray[np.int64]
    objects_M: NDArray[Any]
    object_image_M: NDArray[np.int64]

    def found(self, area: int, threshold: int) -> NDArray[np.bool_]:
        """Return which detections find an object that counts."""
        return _lane(self.detections_N["found"], area, threshold)

    def ignored(self, area: int, threshold: int) -> NDArray[np.bool_]:
        """Return which detections count neither as right nor as wrong."""
        return _lane(self.detections_N["ignored"], area, threshold)

    def counted(self, area: int) -> NDArray[np.bool_]:
        """Return which objects count in an area range."""
        return _lane(self.objects_M["counted"], area, 0)

    def num_objects(self, area: int = 0) -> int:
        """Return how many objects count in an area range."""
        return int(np.count_nonzero(self.counted(area)))

    def recalls(self, area: int, limit: int) -> NDArray[np.float64]:
        """Return recall with the best `limit` detections per image; NaN without objects."""
        objects = self.num_objects(area)
        if not objects:
            return np.full(len(IOU_THRESHOLDS), np.nan)
        within_N = self.rank_N < limit
        found_T = [
            np.count_nonzero(self.found(area, t) & within_N) for t in range(len(IOU_THRESHOLDS))
        ]
        return np.array(found_T) / objects

    def precisions(self, area: int, weights_BI: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
        """Return average precision at each IoU threshold for sets of image weights.

        Args:
            area: position in `matching.AREA_RANGES`.
            weights_BI: int [B, I], how often each image counts.

        Returns:
            float64 [T, B]; NaN where no object counts.
        """
        step = max(1, _WEIGHTS_AT_ONCE // max(1, len(self.image_N)))
        parts = [
            self._precisions(area, weights_BI[b : b + step])
            for b in range(0, len(weights_BI), step)
        ]
        return np.concatenate(parts, axis=1)

    def _precisions(self, area: int, weights_BI: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
        objects_B = weights_BI[:, self.object_image_M[self.counted(area)]].sum(axis=1)
        weights_BN = weights_BI[:, self.image_N].astype(np.int32)
        found_TN = np.stack([self.found(area, t) for t in range(len(IOU_THRESHOLDS))])
        ignored_TN = np.stack([self.ignored(area, t) for t in range(len(IOU_THRESHOLDS))])
        # Most detections are the same at every threshold: they are summed once, the others (E)
        # at each threshold.
        varying_N = found_TN.any(axis=0) | (ignored_TN != ignored_TN[0]).any(axis=0)
        at_E = np.flatnonzero(varying_N)
        steady_BN = weights_BN * ~(ignored_TN[0] | varying_N)
        steady_BE = np.cumsum(steady_BN, axis=1, dtype=np.int32)[:, at_E]
        weights_BE = weights_BN[:, at_E]
        precision_TB = []
        for found_N, ignored_N in zip(found_TN, ignored_TN, strict=True):
            found_E = found_N[at_E]
            total_BE = steady_BE + np.cumsum(weights_BE * ~ignored_N[at_E], axis=1)
            found_BP = np.cumsum(weights_BE[:, found_E], axis=1)
            precision_BR = precision_at_recalls(found_BP, total_BE[:, found_E], objects_B)
            precision_TB.append(precision_BR.mean(axis=1))
        return np.stack(precision_TB)

    def precision_by_recall(self, threshold: int) -> NDArray[np.float64]:
        """Return COCO's precision at 101 recalls, all sizes, at one IoU threshold (position)."""
        found_N = self.found(0, threshold)
        total_P = np.cumsum(~self.ignored(0, threshold), dtype=np.int64)[found_N]
        found_P = np.arange(1, len(total_P) + 1)
        objects_1 = np.array([self.num_objects()])
        return precision_at_recalls(found_P[None], total_P[None], objects_1)[0]

    def curve(self, threshold: int) -> Curve:
        """Return precision and recall at one IoU threshold (position), all sizes."""
        return curve(
            self.detections_N["score"],
            self.found(0, threshold),
            self.ignored(0, threshold),
            self.num_objects(),
        )


def rank_classes(table: ImageTable, num_labels: int) -> Iterator[Ranked]:
    """Yield each class of a table of `DETECTION` and `OBJECT` rows."""
    detections, objects = table.ordered("detections"), table.ordered("objects")
    rank_R = _rank_in_class(detections)
    # A stable sort: equal scores stay in the order of images, then of each image's own ranking.
    order_R = np.lexsort((-detections["score"], detections["label"]))
    bounds_K = np.searchsorted(detections["label"][order_R], np.arange(num_labels + 1))
    for k in range(num_labels):
        at = order_R[bounds_K[k] : bounds_K[k + 1]]
        of_class = objects["label"] == k
        yield Ranked(
            detections.rows_R[at],
            detections.image_R[at],
            rank_R[at],
            objects.rows_R[of_class],
            objects.image_R[of_class],
        )


def _rank_in_class(detections: OrderedRows) -> NDArray[np.int64]:
    """Return each row's position among its image's rows of its class (they are adjacent)."""
    image_R, label_R = detections.image_R, detections["label"]
    changes_R = np.append(True, (image_R[1:] != image_R[:-1]) | (label_R[1:] != label_R[:-1]))
    starts = np.flatnonzero(changes_R[: len(image_R)])
    lengths = np.diff(np.append(starts, len(image_R)))
    return np.arange(len(image_R)) - np.repeat(starts, lengths)


def _lane(lanes: NDArray[np.uint64], area: int, threshold: int) -> NDArray[np.bool_]:
    return (lanes >> np.uint64(LANE_BITS * area + threshold) & np.uint64(1)).astype(bool)
