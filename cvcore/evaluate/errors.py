"""What goes wrong in detection: operating points, error types, confusions. Torch-free.

Letters: K = classes, R = detections of all images, M = objects of all images.
Each class is judged at its own score threshold, by default where its F1 at IoU 0.5 is best: over
all scores, nearly all of a detector's hundred answers per image would be "background".

Source: error types of TIDE, Bolya et al. 2020.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

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


@dataclass(frozen=True)
class Judged:
    """Every detection and every object at the operating points.

    Attributes:
        label_R: class of each detection.
        image_R: position of its image.
        error_R: its `ErrorType`; IGNORED also where its score is below the threshold.
        object_R: position of the object that its error speaks of.
        background_R: whether it is found on background in the confusion.
        label_M: class of each object.
        image_M: position of its image.
        counts_M: whether it counts (no crowd).
        found_M: whether a detection finds it.
        missed_M: whether it counts and no detection is on it or near it.
        answer_M: class that it is taken for; K: missed.
        num_images: seen.
    """

    label_R: NDArray[np.int64]
    image_R: NDArray[np.int64]
    error_R: NDArray[np.integer[Any]]
    object_R: NDArray[np.int64]
    background_R: NDArray[np.bool_]
    label_M: NDArray[np.int64]
    image_M: NDArray[np.int64]
    counts_M: NDArray[np.bool_]
    found_M: NDArray[np.bool_]
    missed_M: NDArray[np.bool_]
    answer_M: NDArray[np.int64]
    num_images: int

    @property
    def wrong(self) -> NDArray[np.bool_]:
        """Which detections are an error, bool [R]."""
        return np.isin(self.error_R, list(ERROR_NAMES))


def judge(metric: CocoMetric, kind: IouType, thresholds: Sequence[float]) -> Judged:
    """Return what every detection and object is when each class keeps the scores from its threshold.

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

    # A lost object counts as the class of the best detection that mistook it. Of repeated indices
    # the last assignment stays: the best score.
    mistakes = np.flatnonzero(error_R == ErrorType.CLASSIFICATION)
    mistakes = mistakes[counts_M[object_R[mistakes]] & ~found_M[object_R[mistakes]]]
    mistakes = mistakes[np.argsort(detections["score"][mistakes], kind="stable")]
    mistaken_by_M = np.full(len(label_M), -1)
    mistaken_by_M[object_R[mistakes]] = mistakes
    answer_M = np.where(found_M, label_M, num_labels)
    answer_M[mistaken_by_M >= 0] = label_R[mistaken_by_M[mistaken_by_M >= 0]]
    background_R = np.isin(error_R, list(ERROR_NAMES))
    background_R[mistaken_by_M[mistaken_by_M >= 0]] = False
    return Judged(
        label_R=label_R,
        image_R=detections.image_R,
        error_R=error_R,
        object_R=object_R,
        background_R=background_R,
        label_M=label_M,
        image_M=objects.image_R,
        counts_M=counts_M,
        found_M=found_M,
        missed_M=counts_M & ~covered_M,
        answer_M=answer_M,
        num_images=len(objects.counts_I),
    )


def error_report(metric: CocoMetric, kind: IouType, thresholds: Sequence[float]) -> ErrorReport:
    """Return what goes wrong when each class keeps the scores from its threshold on; as `judge`."""
    found = judge(metric, kind, thresholds)
    k = len(metric.labels)
    columns = {
        name: np.bincount(found.label_R[found.error_R == error], minlength=k)
        for error, name in ERROR_NAMES.items()
    }
    columns["missed"] = np.bincount(found.label_M[found.missed_M], minlength=k)
    confusion = np.zeros((k + 1, k + 1), np.int64)
    np.add.at(confusion, (found.label_M[found.counts_M], found.answer_M[found.counts_M]), 1)
    np.add.at(confusion[k], found.label_R[found.background_R], 1)

    num_images = found.num_images
    found_I = np.bincount(found.image_M[found.found_M], minlength=num_images)
    wrong_I = np.bincount(found.image_R[found.wrong], minlength=num_images)
    objects_I = np.bincount(found.image_M[found.counts_M], minlength=num_images)
    total_I = found_I + wrong_I + objects_I
    f1_I = np.divide(2.0 * found_I, total_I, out=np.ones(num_images), where=total_I > 0)
    return ErrorReport(
        counts={
            name: {error: int(column_K[at]) for error, column_K in columns.items()}
            for at, name in enumerate(metric.labels.names)
        },
        confusion=confusion,
        image_f1=dict(zip(metric.image_ids, f1_I.tolist(), strict=True)),
    )
