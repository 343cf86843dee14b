"""One image of a COCO evaluation, reduced to a few numbers per detection and per object.

Letters: D = detections, G = ground truths of the image.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvcore.data.samples import Prediction, Truth
from cvcore.evaluate.error_types import error_types
from cvcore.evaluate.fields import (
    of_prediction,
    of_truth,
    require_classes,
    require_finite,
)
from cvcore.evaluate.matching import lanes_inside, match
from cvcore.evaluate.overlap import IouType, box_overlap, compressed, mask_areas, mask_overlap

DETECTION = np.dtype(
    [
        ("score", "f8"),
        ("found", "u8"),  # lanes of `matching` in which it finds an object
        ("ignored", "u8"),  # lanes in which it does not count
        ("label", "u2"),
        ("object", "u2"),  # the object its error type speaks of, by position in the image
        ("error", "u1"),  # `error_types.ErrorType`
    ]
)
OBJECT = np.dtype([("counted", "u8"), ("label", "u2")])  # lanes in which it counts; class


@dataclass(frozen=True)
class _Shapes:
    """Boxes or masks with their classes."""

    labels: NDArray[np.int64]
    areas: NDArray[np.float64]
    shapes: Any  # float64 [N, 4] xywh, or N compressed RLEs


def read_image(
    prediction: Prediction, truth: Truth, kind: IouType, num_labels: int, max_detections: int
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the image's rows of `DETECTION` and `OBJECT`.

    Detections are sorted by class, then by falling score (equal scores as the model gave them),
    and cut to the best `max_detections` of each class, as pycocotools does.

    Raises:
        ModelError: a prediction lacks a field, has a class out of range or a score not finite.
        DataError: the truth lacks a field.
    """
    scores_D = of_prediction(prediction.scores_N, "scores_N", truth.image_id)
    require_finite(scores_D, truth.image_id)
    labels_D = of_prediction(prediction.labels_N, "labels_N", truth.image_id)
    require_classes(labels_D, num_labels, f"image {truth.image_id!r}: the prediction")
    order_D = _best_per_class(labels_D, scores_D, max_detections)
    scores_D = scores_D[order_D].astype(np.float64)
    detections = _detected(prediction, kind, order_D, truth)
    objects, iscrowd_G = _objects(truth, kind)
    require_classes(objects.labels, num_labels, f"image {truth.image_id!r}: the truth")

    overlap = box_overlap if kind == "bbox" else mask_overlap
    overlap_DG = overlap(detections.shapes, objects.shapes, iscrowd_G)
    same_class_DG = detections.labels[:, None] == objects.labels
    counted_G = np.where(iscrowd_G, np.uint64(0), lanes_inside(objects.areas))
    matched = match(overlap_DG, same_class_DG, lanes_inside(detections.areas), counted_G, iscrowd_G)
    errors_D, error_object_D = error_types(overlap_DG, same_class_DG, iscrowd_G, matched)

    detection_rows = np.empty(len(scores_D), DETECTION)
    detection_rows["score"] = scores_D
    detection_rows["found"] = matched.found_D
    detection_rows["ignored"] = matched.ignored_D
    detection_rows["label"] = detections.labels
    detection_rows["object"] = error_object_D
    detection_rows["error"] = errors_D
    object_rows = np.empty(len(objects.labels), OBJECT)
    object_rows["counted"] = counted_G
    object_rows["label"] = objects.labels
    return detection_rows, object_rows


def _best_per_class(
    labels_D: NDArray[np.integer[Any]], scores_D: NDArray[np.floating[Any]], limit: int
) -> NDArray[np.int64]:
    order_D = np.lexsort((-scores_D, labels_D))
    if len(order_D) <= limit:
        return order_D
    sorted_labels_D = labels_D[order_D]
    rank_D = np.arange(len(order_D)) - np.searchsorted(sorted_labels_D, sorted_labels_D)
    return order_D[rank_D < limit]


def _detected(
    prediction: Prediction, kind: IouType, order_D: NDArray[np.int64], truth: Truth
) -> _Shapes:
    assert prediction.labels_N is not None
    labels_D = prediction.labels_N[order_D].astype(np.int64)
    if kind == "segm":
        masks = of_prediction(prediction.masks, "masks", truth.image_id)
        rles = [compressed(masks[d]) for d in order_D]
        return _Shapes(labels_D, mask_areas(rles), rles)
    xyxy_D4 = of_prediction(prediction.boxes_N4, "boxes_N4", truth.image_id)
    xywh_D4 = xyxy_D4.reshape(-1, 4)[order_D].astype(np.float64)
    xywh_D4[:, 2:] -= xywh_D4[:, :2]
    return _Shapes(labels_D, xywh_D4[:, 2] * xywh_D4[:, 3], xywh_D4)


def _objects(truth: Truth, kind: IouType) -> tuple[_Shapes, NDArray[np.bool_]]:
    target = truth.target
    labels_G = of_truth(target.labels_N, "labels_N", truth.image_id).astype(np.int64)
    iscrowd_G = (
        np.zeros(len(labels_G), bool) if target.iscrowd_N is None else target.iscrowd_N.astype(bool)
    )
    shapes: Any
    if kind == "segm":
        shapes = [compressed(rle) for rle in of_truth(target.masks, "masks", truth.image_id)]
        own_areas_G = mask_areas(shapes)
    else:
        boxes = of_truth(target.boxes_N4, "boxes_N4", truth.image_id)
        shapes = boxes.reshape(-1, 4).astype(np.float64)
        own_areas_G = shapes[:, 2] * shapes[:, 3]
    # COCO measures an object's size by the annotation's area (the mask's), also for boxes.
    areas_G = own_areas_G if target.areas_N is None else target.areas_N.astype(np.float64)
    return _Shapes(labels_G, areas_G, shapes), iscrowd_G
