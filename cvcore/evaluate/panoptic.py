"""Panoptic quality (PQ, SQ, RQ), streaming.

Letters: K = classes, I = images, B = sets of image weights, R = rows, S = segments.

Source: Kirillov et al. 2019, "Panoptic Segmentation", sec. 4; where the paper leaves room (crowds,
void) the figures are panopticapi's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvcore.data.labels import LabelSpace
from cvcore.data.samples import Prediction, Truth
from cvcore.errors import ModelError
from cvcore.evaluate.fields import of_prediction, of_truth, require_classes
from cvcore.evaluate.precision import mean_defined
from cvcore.evaluate.runs import count_pairs, require_same_size
from cvcore.evaluate.table import ImageId, ImageTable, OrderedRows

VOID = 0
"""The segment id of pixels without a label."""

QUALITY = np.dtype([("iou", "f8"), ("label", "u2"), ("tp", "u2"), ("fp", "u2"), ("fn", "u2")])
"""One class of one image: sum of IoU of matched segments; matched, wrong and missed segments."""


class PanopticMetric:
    """PQ, SQ and RQ over all classes, things and stuff."""

    def __init__(self, labels: LabelSpace) -> None:
        self.labels = labels
        self._table = ImageTable({"classes": QUALITY})

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
            ModelError: a map of another size, with an undeclared id or an unknown class.
            DataError: a truth without a map.
        """
        for prediction, truth in zip(predictions, truths, strict=True):
            if truth.image_id not in self._table:
                rows = image_quality(prediction, truth, len(self.labels))
                self._table.add(truth.image_id, classes=rows)

    def state(self) -> dict[str, Any]:
        """Return everything `merge` needs."""
        return self._table.state()

    def merge(self, state: dict[str, Any]) -> None:
        """Take in another process's `state()`."""
        self._table.merge(state)

    def compute(self) -> dict[str, float]:
        """Return PQ, SQ, RQ and the same of things and stuff; NaN where no class occurs."""
        once_1I = np.ones((1, len(self._table)), np.int64)
        return {key: float(value_B[0]) for key, value_B in self.resampled(once_1I).items()}

    def qualities(self) -> OrderedRows:
        """Return the rows of `QUALITY` of all images."""
        return self._table.ordered("classes")

    def per_class(self) -> dict[str, dict[str, float]]:
        """Return PQ, SQ, RQ and the counts of each class."""
        rows = self._table.ordered("classes")
        sums_4K = _class_sums(rows, np.ones(len(self._table)), len(self.labels))
        columns = {
            **_qualities(*sums_4K),
            **dict(zip(("TP", "FP", "FN"), sums_4K[1:], strict=True)),
        }
        return {
            name: {key: float(value_K[k]) for key, value_K in columns.items()}
            for k, name in enumerate(self.labels.names)
        }

    def image_scores(self) -> dict[ImageId, float]:
        """Return each image's own PQ over its classes, 1 where there is none."""
        rows = self._table.ordered("classes")
        segments = rows["tp"] + (rows["fp"].astype(np.float64) + rows["fn"]) / 2
        occurs = segments > 0
        image_R, num_images = rows.image_R[occurs], len(self._table)
        quality = np.bincount(image_R, rows["iou"][occurs] / segments[occurs], num_images)
        classes = np.bincount(image_R, minlength=num_images)
        scores = np.divide(quality, classes, out=np.ones(num_images), where=classes > 0)
        return dict(zip(self.image_ids, scores.tolist(), strict=True))

    def resampled(self, weights_BI: NDArray[np.integer[Any]]) -> dict[str, NDArray[np.float64]]:
        """Return the figures of `compute` for sets of image weights, float64 [B] by key."""
        rows = self._table.ordered("classes")
        sums = [_class_sums(rows, weights_I, len(self.labels)) for weights_I in weights_BI]
        values = _qualities(*np.stack(sums, axis=1))
        things_K = np.array([label.isthing for label in self.labels.labels])
        groups = {"": np.ones_like(things_K), "_things": things_K, "_stuff": ~things_K}
        return {
            f"{key}{suffix}": mean_defined(value_BK[:, of_group_K].T)
            for suffix, of_group_K in groups.items()
            for key, value_BK in values.items()
        }


@dataclass(frozen=True)
class _Segments:
    """The segments of one image, true or predicted.

    Attributes:
        label_of: class of each segment id.
        crowds: ids of crowd segments.
        area: pixels of each id in the map, void included.
    """

    label_of: dict[int, int]
    crowds: frozenset[int]
    area: dict[int, int]


def image_quality(prediction: Prediction, truth: Truth, num_labels: int) -> NDArray[Any]:
    """Return the rows of `QUALITY` of one image, one per class that occurs.

    A predicted segment and a true one of its class match when their IoU is above 0.5; void pixels
    of the truth don't count in the union. A predicted segment without a match is no error when
    more than half of it lies on void or on its class's crowd.
    """
    true, found, shared = _read(prediction, truth, num_labels)
    totals = {k: [0.0, 0, 0, 0] for k in {*true.label_of.values(), *found.label_of.values()}}
    matched_true, matched_found = set[int](), set[int]()
    for (t, f), pixels in shared.items():
        label = true.label_of.get(t)
        if label is None or label != found.label_of.get(f) or t in true.crowds:
            continue
        union = true.area[t] + found.area[f] - pixels - shared.get((VOID, f), 0)
        if 2 * pixels > union:
            totals[label][0] += pixels / union
            totals[label][1] += 1
            matched_true.add(t)
            matched_found.add(f)
    # COCO has one crowd segment per class and image; of several, panopticapi takes the last.
    crowd_of = {label: t for t, label in true.label_of.items() if t in true.crowds}
    for f, label in found.label_of.items():
        if f in matched_found or f not in found.area:  # a segment lost in resizing is no error
            continue
        excused = shared.get((VOID, f), 0) + shared.get((crowd_of.get(label, -1), f), 0)
        if 2 * excused <= found.area[f]:
            totals[label][2] += 1
    for t, label in true.label_of.items():
        if t not in matched_true and t not in true.crowds:
            totals[label][3] += 1

    rows = np.zeros(len(totals), QUALITY)
    for row, (label, (iou, tp, fp, fn)) in zip(rows, sorted(totals.items()), strict=True):
        row["label"], row["iou"], row["tp"], row["fp"], row["fn"] = label, iou, tp, fp, fn
    return rows


def _read(
    prediction: Prediction, truth: Truth, num_labels: int
) -> tuple[_Segments, _Segments, dict[tuple[int, int], int]]:
    """Return true segments, predicted segments and the pixels each pair of ids shares."""
    target, image_id = truth.target, truth.image_id
    true_HW = of_truth(target.segment_ids_HW, "segment_ids_HW", image_id)
    found_HW = of_prediction(prediction.segment_ids_HW, "segment_ids_HW", image_id)
    require_same_size(found_HW, true_HW, image_id)
    true_ids_N = of_truth(target.segment_ids_N, "segment_ids_N", image_id)
    true_labels_N = of_truth(target.labels_N, "labels_N", image_id)
    found_ids_N = of_prediction(prediction.segment_ids_N, "segment_ids_N", image_id)
    found_labels_N = of_prediction(prediction.labels_N, "labels_N", image_id)
    require_classes(true_labels_N, num_labels, f"image {image_id!r}: the truth")
    require_classes(found_labels_N, num_labels, f"image {image_id!r}: the prediction")

    shared: dict[tuple[int, int], int] = {}
    true_area: Counter[int] = Counter()
    found_area: Counter[int] = Counter()
    for t, f, pixels in zip(*(x.tolist() for x in count_pairs(true_HW, found_HW)), strict=True):
        shared[t, f] = pixels
        true_area[t] += pixels
        found_area[f] += pixels
    if unknown := set(found_area) - set(found_ids_N.tolist()) - {VOID}:
        raise ModelError(
            f"image {image_id!r}: the predicted map holds the segment ids {sorted(unknown)[:5]} "
            "that segment_ids_N does not list. Every id but 0 needs a class."
        )
    crowds = true_ids_N[:0] if target.iscrowd_N is None else true_ids_N[target.iscrowd_N]
    return (
        _Segments(_labels(true_ids_N, true_labels_N), frozenset(crowds.tolist()), true_area),
        _Segments(_labels(found_ids_N, found_labels_N), frozenset(), found_area),
        shared,
    )


def _labels(ids_N: NDArray[np.int64], labels_N: NDArray[np.int64]) -> dict[int, int]:
    return dict(zip(ids_N.tolist(), labels_N.tolist(), strict=True))


def _class_sums(rows: OrderedRows, weights_I: NDArray[Any], num_labels: int) -> NDArray[np.float64]:
    """Return sum of IoU, matched, wrong and missed segments of each class, float64 [4, K]."""
    weights_R = weights_I[rows.image_R]
    return np.stack(
        [
            np.bincount(rows["label"], weights=weights_R * rows[column], minlength=num_labels)
            for column in ("iou", "tp", "fp", "fn")
        ]
    )


def _qualities(
    iou: NDArray[np.float64],
    tp: NDArray[np.float64],
    fp: NDArray[np.float64],
    fn: NDArray[np.float64],
) -> dict[str, NDArray[np.float64]]:
    """Return PQ, SQ, RQ; NaN for a class that does not occur, 0 for SQ without a match."""
    occurs = tp + fp + fn > 0
    segments = tp + (fp + fn) / 2
    nothing = np.full_like(tp, np.nan)
    found_iou = np.divide(iou, tp, out=np.zeros_like(tp), where=tp > 0)
    return {
        "PQ": np.divide(iou, segments, out=nothing.copy(), where=occurs),
        "SQ": np.where(occurs, found_iou, np.nan),
        "RQ": np.divide(tp, segments, out=nothing.copy(), where=occurs),
    }
