"""What goes wrong in detection: operating points, error types, confusions. Torch-free.

Letters: K = classes, R = detections of all images, M = objects of all images.
Each class is judged at its own score threshold, by default where its F1 at IoU 0.5 is best: over
all scores, nearly all of a detector's hundred answers per image would be "background".

Source: error types of TIDE, Bolya et al. 2020.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cvcore.evaluate.coco import CocoMetric
from cvcore.evaluate.error_types import ErrorType
from cvcore.evaluate.overlap import IouType
from cvcore.evaluate.table import ImageId

ERROR_NAMES = {
    ErrorType.CLASSIFICATION: "classification",
    ErrorType.LOCALISATION: "localisation",
    ErrorType.BOTH: "both",
    ErrorType.DUPLICATE: "duplicate",
    ErrorType.BACKGROUND: "background",
}
MEANINGS = {
    "classification": "right place, wrong class",
    "localisation": "right class, IoU of 0.1 to 0.5",
    "both": "wrong class, IoU of 0.1 to 0.5",
    "duplicate": "object already found by a better detection",
    "background": "no object there",
    "missed": "object without a detection",
}


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """A class at one score threshold, IoU 0.5; figures are NaN without objects or detections."""

    threshold: float
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True)
class ErrorReport:
    """Outcome at the operating points.

    Attributes:
        counts: class name -> error name -> number of detections (of "missed": of objects).
        confusion: int64 [K + 1, K + 1], objects by true class (rows) and predicted class
            (columns); the last row is background found, the last column objects missed.
        image_f1: F1 of each image, 1 where nothing is there and nothing is found.
    """

    counts: dict[str, dict[str, int]]
    confusion: NDArray[np.int64]
    image_f1: dict[ImageId, float]


def operating_points(
    metric: CocoMetric, kind: IouType, default_threshold: float = 0.5
) -> list[OperatingPoint]:
    """Return each class's point of best F1; classes without one get the default threshold."""
    points = []
    for ranked in metric.ranked(kind):
        curve = ranked.curve(0)
        best = curve.best() if ranked.num_objects() else None
        if best is None or not curve.f1[best]:
            points.append(OperatingPoint(default_threshold, *[float("nan")] * 3))
            continue
        points.append(
            OperatingPoint(
                float(curve.scores_N[best]),
                float(curve.precision_N[best]),
                float(curve.recall_N[best]),
                float(curve.f1[best]),
            )
        )
    return points


def error_report(metric: CocoMetric, kind: IouType, thresholds: Sequence[float]) -> ErrorReport:
    """Return what goes wrong when each class keeps the scores from its threshold on.

    Args:
        metric: after its last update.
        kind: bbox or segm; the metric must measure it.
        thresholds: one per class, in label order.
    """
    table, num_labels = metric.tables[kind], len(metric.labels)
    detections, objects = table.ordered("detections"), table.ordered("objects")
    label_M = objects["label"].astype(np.int64)
    counts_M = (objects["counted"] & np.uint64(1)).astype(bool)
    label_R = detections["label"].astype(np.int64)
    kept_R = detections["score"] >= np.asarray(thresholds)[label_R]
    error_R = np.where(kept_R, detections["error"], ErrorType.IGNORED)
    first_object_I = np.cumsum(objects.counts_I) - objects.counts_I
    object_R = first_object_I[detections.image_R] + detections["object"]

    def objects_of(*errors: ErrorType) -> NDArray[np.bool_]:
        touched_M = np.zeros(len(label_M), bool)
        touched_M[object_R[np.isin(error_R, errors)]] = True
        return touched_M & counts_M

    found_M = objects_of(ErrorType.CORRECT)
    covered_M = found_M | objects_of(ErrorType.CLASSIFICATION, ErrorType.LOCALISATION)
    wrong_R = np.isin(error_R, list(ERROR_NAMES))
    columns = {
        name: np.bincount(label_R[error_R == error], minlength=num_labels)
        for error, name in ERROR_NAMES.items()
    }
    columns["missed"] = np.bincount(label_M[counts_M & ~covered_M], minlength=num_labels)

    # A lost object counts as the class of the best detection that mistook it. Of repeated indices
    # the last assignment stays: the best score.
    mistakes = np.flatnonzero(error_R == ErrorType.CLASSIFICATION)
    mistakes = mistakes[counts_M[object_R[mistakes]] & ~found_M[object_R[mistakes]]]
    mistakes = mistakes[np.argsort(detections["score"][mistakes], kind="stable")]
    mistaken_by_M = np.full(len(label_M), -1)
    mistaken_by_M[object_R[mistakes]] = mistakes
    answer_M = np.where(found_M, label_M, num_labels)
    answer_M[mistaken_by_M >= 0] = label_R[mistaken_by_M[mistaken_by_M >= 0]]
    on_background_R = wrong_R.copy()
    on_background_R[mistaken_by_M[mistaken_by_M >= 0]] = False
    confusion = np.zeros((num_labels + 1, num_labels + 1), np.int64)
    np.add.at(confusion, (label_M[counts_M], answer_M[counts_M]), 1)
    np.add.at(confusion[num_labels], label_R[on_background_R], 1)

    num_images = len(objects.counts_I)
    found_I = np.bincount(objects.image_R[found_M], minlength=num_images)
    wrong_I = np.bincount(detections.image_R[wrong_R], minlength=num_images)
    objects_I = np.bincount(objects.image_R[counts_M], minlength=num_images)
    total_I = found_I + wrong_I + objects_I
    f1_I = np.divide(2.0 * found_I, total_I, out=np.ones(num_images), where=total_I > 0)
    return ErrorReport(
        counts={
            name: {error: int(column_K[k]) for error, column_K in columns.items()}
            for k, name in enumerate(metric.labels.names)
        },
        confusion=confusion,
        image_f1=dict(zip(metric.image_ids, f1_I.tolist(), strict=True)),
    )
