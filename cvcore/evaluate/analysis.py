"""What lies behind the figures: curves, confusions, error types, the images that went worst.

Torch-free: all of it comes from the metric's compact state.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvcore.data.labels import LabelSpace
from cvcore.evaluate import errors
from cvcore.evaluate.classify import ClassificationMetric
from cvcore.evaluate.coco import PREFIX, CocoMetric
from cvcore.evaluate.matching import IOU_THRESHOLDS
from cvcore.evaluate.overlap import IouType
from cvcore.evaluate.panoptic import PanopticMetric
from cvcore.evaluate.precision import RECALLS, mean_defined
from cvcore.evaluate.semantic import SemanticMetric
from cvcore.evaluate.table import ImageId
from cvcore.metrics.streaming import StreamingMetric

BACKGROUND = "(nothing)"
"""Stands for "no object" in a confusion of detections."""

_CURVE_IOUS = (0, 5)
"""Curves are given at IoU 0.50 and 0.75."""

_MOST_CONFUSED = 50


@dataclass(frozen=True)
class Analysis:
    """Everything a report shows besides the figures.

    Attributes:
        image_scores: how well each image went, 0 (worst) to 1.
        image_score_name: what that number is.
        per_class: further columns of the classes.
        thresholds: score threshold of best F1 by class name (detection, instances).
        curves: precision by recall (detection, instances).
        confusion: `labels`, `unit` and `cells` [true, predicted, count], zeros left out.
        errors: `types` (meanings), `total` and `classes` (counts), or `confused` pairs.
    """

    image_scores: dict[ImageId, float]
    image_score_name: str
    per_class: dict[str, dict[str, float]] = field(default_factory=dict)
    thresholds: dict[str, float] = field(default_factory=dict)
    curves: dict[str, Any] = field(default_factory=dict)
    confusion: dict[str, Any] = field(default_factory=dict)
    errors: dict[str, Any] = field(default_factory=dict)


def analyse(metric: StreamingMetric, score_threshold: float = 0.5) -> Analysis:
    """Return what lies behind a metric's figures.

    Args:
        metric: one of this package's, after its last update.
        score_threshold: of classes that have no best F1 (no object, or none found).
    """
    if isinstance(metric, CocoMetric):
        return _of_detections(metric, score_threshold)
    if isinstance(metric, SemanticMetric):
        cells = _confusion(metric.labels.names, metric.confusion(), "pixels")
        return Analysis(
            metric.image_scores(), "mIoU", confusion=cells, errors=_confused(cells, metric.labels)
        )
    if isinstance(metric, ClassificationMetric):
        cells = _confusion(metric.labels.names, metric.confusion(), "images")
        return Analysis(
            metric.image_scores(),
            "confidence in what is right",
            confusion=cells,
            errors=_confused(cells, metric.labels),
        )
    if isinstance(metric, PanopticMetric):
        return _of_segments(metric)
    raise TypeError(f"no analysis of {type(metric).__name__}")


def _of_detections(metric: CocoMetric, score_threshold: float) -> Analysis:
    kind: IouType = "segm" if "segm" in metric.iou_types else "bbox"
    names = metric.labels.names
    points = errors.operating_points(metric, kind, score_threshold)
    thresholds = [point.threshold for point in points]
    found = errors.error_report(metric, kind, thresholds)
    rows = zip(names, points, strict=True)
    return Analysis(
        image_scores=found.image_f1,
        image_score_name="F1 at IoU 0.5",
        per_class={
            name: {
                "best_f1": point.f1,
                "best_f1_threshold": point.threshold,
                "best_f1_precision": point.precision,
                "best_f1_recall": point.recall,
            }
            for name, point in rows
        },
        thresholds=dict(zip(names, thresholds, strict=True)),
        curves={PREFIX[k] + "curves": _curves(metric, k) for k in metric.iou_types},
        confusion=_confusion([*names, BACKGROUND], found.confusion, "objects"),
        errors={
            "types": errors.MEANINGS,
            "total": {
                error: sum(row[error] for row in found.counts.values()) for error in errors.MEANINGS
            },
            "classes": found.counts,
        },
    )


def _of_segments(metric: PanopticMetric) -> Analysis:
    rows = metric.per_class()
    counts = {
        name: {"missed": int(row["FN"]), "wrong": int(row["FP"])} for name, row in rows.items()
    }
    meanings = {
        "missed": "true segment without a predicted one of its class at IoU above 0.5",
        "wrong": "predicted segment without a true one of its class at IoU above 0.5",
    }
    total = {error: sum(row[error] for row in counts.values()) for error in meanings}
    return Analysis(
        metric.image_scores(),
        "PQ",
        errors={"types": meanings, "total": total, "classes": counts},
    )


def _curves(metric: CocoMetric, kind: IouType) -> list[dict[str, Any]]:
    """Return precision at 101 recalls (best from there on), by IoU and class."""
    ranked = metric.ranked(kind)
    curves = []
    for t in _CURVE_IOUS:
        precision_KR = np.stack([of_class.precision_by_recall(t) for of_class in ranked])
        curves.append(
            {
                "iou": float(IOU_THRESHOLDS[t]),
                "recall": RECALLS.tolist(),
                "mean": mean_defined(precision_KR).tolist(),
                "classes": {
                    name: precision_R.tolist()
                    for name, precision_R in zip(metric.labels.names, precision_KR, strict=True)
                },
            }
        )
    return curves


def _confusion(names: list[str], counts: NDArray[Any], unit: str) -> dict[str, Any]:
    cells = [[int(i), int(j), int(counts[i, j])] for i, j in zip(*np.nonzero(counts), strict=True)]
    return {"labels": names, "unit": unit, "cells": cells}


def _confused(confusion: dict[str, Any], labels: LabelSpace) -> dict[str, Any]:
    """Return the pairs of classes that are most often mistaken, as a share of the true class."""
    total = np.zeros(len(labels))
    for true, _, count in confusion["cells"]:
        total[true] += count
    wrong = sorted((cell for cell in confusion["cells"] if cell[0] != cell[1]), key=lambda c: -c[2])
    return {
        "confused": [
            {
                "truth": labels.names[true],
                "predicted": labels.names[predicted],
                "count": count,
                "share": count / total[true],
            }
            for true, predicted, count in wrong[:_MOST_CONFUSED]
        ]
    }
