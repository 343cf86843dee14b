"""Semantic segmentation: mIoU and its family from one confusion matrix, streaming.

Letters: K = classes, I = images, B = sets of image weights, R = rows.
Each image keeps the cells of its own confusion matrix that are not zero (8 bytes each).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvcore.data.labels import LabelSpace
from cvcore.data.samples import IGNORE_INDEX, Prediction, Truth
from cvcore.evaluate.fields import of_prediction, of_truth, require_classes
from cvcore.evaluate.precision import mean_defined
from cvcore.evaluate.runs import count_pairs, require_same_size
from cvcore.evaluate.table import ImageId, ImageTable, OrderedRows

CELL = np.dtype([("truth", "u2"), ("predicted", "u2"), ("pixels", "u4")])


class SemanticMetric:
    """Figures of semantic segmentation; pixels whose truth is 255 are left out."""

    def __init__(self, labels: LabelSpace) -> None:
        self.labels = labels
        self._table = ImageTable({"cells": CELL})

    @property
    def image_ids(self) -> list[ImageId]:
        """Ids of the images seen, in order."""
        return self._table.ids()

    @property
    def nbytes(self) -> int:
        """Memory of what is kept, bytes."""
        return self._table.nbytes

    def update(self, predictions: Sequence[Prediction], truths: Sequence[Truth]) -> None:
        """Take one batch; an image seen before is left out.

        Raises:
            ModelError: a map of another size, or with a class that the label space has not.
            DataError: a truth without a map.
        """
        for prediction, truth in zip(predictions, truths, strict=True):
            if truth.image_id not in self._table:
                self._table.add(truth.image_id, cells=_cells(prediction, truth, len(self.labels)))

    def state(self) -> dict[str, Any]:
        """Return everything `merge` needs."""
        return self._table.state()

    def merge(self, state: dict[str, Any]) -> None:
        """Take in another process's `state()`."""
        self._table.merge(state)

    def cells(self) -> OrderedRows:
        """Return the rows of `CELL` of all images."""
        return self._table.ordered("cells")

    def confusion(self) -> NDArray[np.uint64]:
        """Return pixels by true class (rows) and predicted class (columns), uint64 [K, K]."""
        rows = self._table.ordered("cells")
        k = len(self.labels)
        confusion_KK = np.zeros((k, k), np.uint64)
        np.add.at(confusion_KK, (rows["truth"], rows["predicted"]), rows["pixels"])
        return confusion_KK

    def compute(self) -> dict[str, float]:
        """Return mIoU, fwIoU, pixel_accuracy and mean_accuracy.

        Means are over the classes that occur: IoU over those in truth or prediction, accuracy
        over those in the truth.
        """
        confusion_KK = self.confusion().astype(np.float64)
        figures = _figures(
            np.diag(confusion_KK)[None], confusion_KK.sum(1)[None], confusion_KK.sum(0)[None]
        )
        return {key: float(value_B[0]) for key, value_B in figures.items()}

    def per_class(self) -> dict[str, dict[str, float]]:
        """Return IoU, accuracy (recall), precision and true pixels of each class."""
        confusion_KK = self.confusion().astype(np.float64)
        hit_K, true_K, found_K = np.diag(confusion_KK), confusion_KK.sum(1), confusion_KK.sum(0)
        columns = {
            "IoU": _ratio(hit_K, true_K + found_K - hit_K),
            "accuracy": _ratio(hit_K, true_K),
            "precision": _ratio(hit_K, found_K),
            "num_pixels": true_K,
        }
        return {
            name: {key: float(value_K[k]) for key, value_K in columns.items()}
            for k, name in enumerate(self.labels.names)
        }

    def resampled(self, weights_BI: NDArray[np.integer[Any]]) -> dict[str, NDArray[np.float64]]:
        """Return the figures of `compute` for sets of image weights, float64 [B] by key."""
        rows = self._table.ordered("cells")
        sums = [_class_sums(rows, weights_I, len(self.labels)) for weights_I in weights_BI]
        hit_BK, true_BK, found_BK = np.stack(sums, axis=1)
        return _figures(hit_BK, true_BK, found_BK)

    def image_scores(self) -> dict[ImageId, float]:
        """Return each image's own mIoU."""
        rows = self._table.ordered("cells")
        bounds = np.cumsum(np.append(0, rows.counts_I))
        scores: dict[ImageId, float] = {}
        for i, image_id in enumerate(self.image_ids):
            of_image = rows.rows_R[bounds[i] : bounds[i + 1]]
            single = OrderedRows(of_image, np.zeros(len(of_image), np.int64), np.ones(1, np.int64))
            sums_3K = _class_sums(single, np.ones(1), len(self.labels))
            scores[image_id] = float(_figures(*sums_3K[:, None])["mIoU"][0])
        return scores


def _cells(prediction: Prediction, truth: Truth, num_labels: int) -> NDArray[Any]:
    true_HW = of_truth(truth.target.semantic_HW, "semantic_HW", truth.image_id)
    found_HW = of_prediction(prediction.semantic_HW, "semantic_HW", truth.image_id)
    require_same_size(found_HW, true_HW, truth.image_id)
    true_P, found_P, pixels_P = count_pairs(true_HW, found_HW)
    scored_P = true_P != IGNORE_INDEX
    rows = np.empty(int(scored_P.sum()), CELL)
    require_classes(true_P[scored_P], num_labels, f"image {truth.image_id!r}: the truth")
    require_classes(found_P[scored_P], num_labels, f"image {truth.image_id!r}: the prediction")
    rows["truth"], rows["predicted"] = true_P[scored_P], found_P[scored_P]
    rows["pixels"] = pixels_P[scored_P]
    return rows


def _class_sums(rows: OrderedRows, weights_I: NDArray[Any], num_labels: int) -> NDArray[np.float64]:
    """Return pixels hit, true and predicted of each class, float64 [3, K]."""
    pixels_R = weights_I[rows.image_R] * rows["pixels"].astype(np.float64)
    hit_R = np.where(rows["truth"] == rows["predicted"], pixels_R, 0.0)
    return np.stack(
        [
            np.bincount(rows[column], weights=values_R, minlength=num_labels)
            for column, values_R in (("truth", hit_R), ("truth", pixels_R), ("predicted", pixels_R))
        ]
    )


def _figures(
    hit_BK: NDArray[np.float64], true_BK: NDArray[np.float64], found_BK: NDArray[np.float64]
) -> dict[str, NDArray[np.float64]]:
    iou_BK = _ratio(hit_BK, true_BK + found_BK - hit_BK)
    all_B = true_BK.sum(axis=1)
    return {
        "mIoU": mean_defined(iou_BK.T),
        "fwIoU": _ratio((true_BK * np.nan_to_num(iou_BK)).sum(axis=1), all_B),
        "pixel_accuracy": _ratio(hit_BK.sum(axis=1), all_B),
        "mean_accuracy": mean_defined(_ratio(hit_BK, true_BK).T),
    }


def _ratio(above: NDArray[np.float64], below: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(above, below, out=np.full_like(below, np.nan), where=below > 0)
