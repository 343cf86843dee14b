"""Writes how many bytes each further image costs a metric: `memory_growth.py <task>`.

A process of its own, so that its peak memory is that of the metric. Every image gets fresh arrays:
a metric that kept one of them would grow by at least `IMAGE_BYTES`.
"""

from __future__ import annotations

import copy
import json
import resource
import sys
from dataclasses import replace

import numpy as np
from coco_reference import label_space
from panoptic_reference import label_space as panoptic_labels
from pycocotools import mask as mask_api

from cvcore.data.samples import Prediction, Target, Truth
from cvcore.evaluate.classify import ClassificationMetric
from cvcore.evaluate.coco import CocoMetric
from cvcore.evaluate.panoptic import PanopticMetric
from cvcore.evaluate.semantic import SemanticMetric

FEW, MANY = 300, 1500
SIDE = 256
NUM_CLASSES = 1000
OBJECTS, DETECTIONS = 3, 10


def classification(rng):
    scores = rng.random(NUM_CLASSES * 8).astype(np.float32)
    found = Prediction(0, scores_K=scores[:NUM_CLASSES])
    return ClassificationMetric(label_space(NUM_CLASSES)), found, Target(class_index=3)


def semantic(rng):
    labels = np.repeat(rng.integers(0, 20, (SIDE, SIDE // 8)), 8, axis=1).astype(np.uint8)
    found = np.roll(labels, 3, axis=1)
    return SemanticMetric(label_space(20)), Prediction(0, semantic_HW=found), Target(
        semantic_HW=labels
    )  # fmt: skip


def panoptic(rng):
    pixels = np.repeat(rng.integers(1, 30, (SIDE, SIDE // 8)), 8, axis=1).astype(np.int32)
    ids, labels = np.arange(1, 30), np.arange(1, 30) % 6
    found = Prediction(0, segment_ids_HW=np.roll(pixels, 3, 1), segment_ids_N=ids, labels_N=labels)
    target = Target(
        segment_ids_HW=pixels, segment_ids_N=ids, labels_N=labels, iscrowd_N=np.zeros(29, bool)
    )
    return PanopticMetric(panoptic_labels()), found, target


def instances(rng):
    def masks(num):
        """Return ragged masks, whose run lengths alone take kilobytes each."""
        coarse = rng.random((num, SIDE // 8, SIDE)) < 0.3
        ragged = np.repeat(coarse, 8, axis=1).astype(np.uint8)
        return [mask_api.encode(np.asfortranarray(pixels)) for pixels in ragged]

    corner = rng.random((DETECTIONS, 2)).astype(np.float32) * 100
    boxes = np.concatenate([corner, corner + 60], axis=1)
    found = Prediction(
        0,
        boxes_N4=boxes,
        labels_N=rng.integers(0, 20, DETECTIONS),
        scores_N=rng.random(DETECTIONS).astype(np.float32),
        masks=masks(DETECTIONS),
    )
    target = Target(
        boxes_N4=np.concatenate([corner, np.full_like(corner, 60)], axis=1)[:OBJECTS],
        labels_N=rng.integers(0, 20, OBJECTS),
        areas_N=np.full(OBJECTS, 3600, np.float32),
        iscrowd_N=np.zeros(OBJECTS, bool),
        masks=masks(OBJECTS),
    )
    return CocoMetric(label_space(20), ("bbox", "segm")), found, target


def detection(rng):
    _, found, target = instances(rng)
    return CocoMetric(label_space(20)), found, target


def image_bytes(found: Prediction, target: Target) -> int:
    """Return the bytes of all arrays and masks of an image."""
    fields = [getattr(x, name) for x in (found, target) for name in x.__slots__]
    arrays = sum(x.nbytes for x in fields if isinstance(x, np.ndarray))
    return arrays + sum(len(rle["counts"]) for x in fields if isinstance(x, list) for rle in x)


def main(task: str) -> None:
    metric, found, target = globals()[task](np.random.default_rng(0))
    peaks = []
    for number in range(MANY):
        prediction = replace(copy.deepcopy(found), image_id=number)
        truth = Truth(number, (SIDE, SIDE), copy.deepcopy(target))
        metric.update([prediction], [truth])
        if number + 1 in (FEW, MANY):
            peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
    answer = {
        "peak_per_image": (peaks[1] - peaks[0]) / (MANY - FEW),
        "kept_per_image": metric.nbytes / MANY,
        "image": image_bytes(found, target),
        "torch": "torch" in sys.modules,
    }
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main(sys.argv[1])
