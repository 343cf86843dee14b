"""Random COCO problems, and pycocotools' own answer to them."""

from __future__ import annotations

import contextlib
import copy
import io
from collections.abc import Sequence

import numpy as np
from pycocotools import mask as mask_api
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from cvcore.data.labels import LabelSpace
from cvcore.data.records import Category
from cvcore.data.samples import Prediction, Target, Truth


def label_space(num: int, gap: int = 3) -> LabelSpace:
    return LabelSpace.over([[Category(5 + gap * i, f"class{i}") for i in range(num)]])


def problem(
    seed: int,
    num_images: int,
    num_classes: int = 4,
    max_objects: int = 8,
    max_detections: int = 30,
    size_hw: tuple[int, int] = (150, 180),
    with_masks: bool = False,
    score_levels: int | None = None,
    absent: Sequence[int] = (),
    text_ids: bool = False,
) -> tuple[list[Prediction], list[Truth]]:
    """Return images with objects, crowds, near misses, duplicates and background detections."""
    rng = np.random.default_rng(seed)
    present = [k for k in range(num_classes) if k not in absent]
    ids = rng.permutation(num_images * 7)[:num_images]
    predictions, truths = [], []
    for number in ids.tolist():
        image_id = f"image-{number:05d}" if text_ids else number
        num_objects = int(rng.integers(0, max_objects + 1))
        boxes = _boxes(rng, num_objects, size_hw)
        labels = rng.choice(present, num_objects)
        near = boxes[rng.integers(0, num_objects, num_objects * 3)] if num_objects else boxes
        near = near + rng.integers(-4, 5, near.shape) * rng.integers(0, 3, (len(near), 1))
        near[:, 2:] = np.maximum(near[:, 2:], 1)
        near_labels = np.where(
            rng.random(len(near)) < 0.8,
            labels[rng.integers(0, num_objects, len(near))] if num_objects else 0,
            rng.integers(0, num_classes, len(near)),
        )
        num_random = int(rng.integers(0, max_detections + 1))
        found = np.concatenate([near, boxes, _boxes(rng, num_random, size_hw)])
        found_labels = np.concatenate(
            [near_labels, labels, rng.integers(0, num_classes, num_random)]
        )
        scores = rng.random(len(found)).astype(np.float32)
        if score_levels:
            scores = (np.round(scores * score_levels) / score_levels).astype(np.float32)
        target = Target(
            boxes_N4=boxes.astype(np.float32),
            labels_N=labels.astype(np.int64),
            areas_N=(boxes[:, 2] * boxes[:, 3] * rng.choice([0.6, 1.0], num_objects)).astype(
                np.float32
            ),
            iscrowd_N=rng.random(num_objects) < 0.15,
            masks=[_mask(rng, box, size_hw) for box in boxes] if with_masks else None,
        )
        xyxy = found.astype(np.float32)
        xyxy[:, 2:] += xyxy[:, :2]
        predictions.append(
            Prediction(
                image_id=image_id,
                boxes_N4=xyxy,
                labels_N=found_labels.astype(np.int64),
                scores_N=scores,
                masks=[_mask(rng, box, size_hw) for box in found] if with_masks else None,
            )
        )
        truths.append(Truth(image_id, size_hw, target))
    return predictions, truths


def _boxes(rng: np.random.Generator, num: int, size_hw: tuple[int, int]) -> np.ndarray:
    """Integer xywh boxes of all COCO sizes: equal overlaps and exact thresholds do occur."""
    side = np.array([size_hw[1], size_hw[0]])
    extent = np.minimum(rng.choice([8, 32, 33, 60, 96, 110], (num, 2)), side - 1)
    corner = (rng.random((num, 2)) * (side - extent)).astype(int)
    return np.concatenate([corner, extent], axis=1).astype(np.float64).reshape(-1, 4)


def _mask(rng: np.random.Generator, box: np.ndarray, size_hw: tuple[int, int]) -> dict:
    """A box with a bite taken out of it."""
    pixels = np.zeros(size_hw, np.uint8, order="F")
    x, y, w, h = (int(v) for v in box)
    x, y = max(x, 0), max(y, 0)
    pixels[y : y + h, x : x + w] = 1
    bite = int(rng.integers(1, 4))
    pixels[y : y + h // (2 * bite), x : x + w // 2] = 0
    return mask_api.encode(pixels)


def coco_stats(
    predictions: Sequence[Prediction],
    truths: Sequence[Truth],
    labels: LabelSpace,
    kind: str,
    max_detections: int = 100,
) -> dict[str, float]:
    """Return pycocotools' figures of predictions; NaN where there is no such object."""
    results = coco_results(predictions, labels, kind)
    return coco_figures(coco_evaluation(truths, labels, kind, results, max_detections))


def coco_figures(evaluation: COCOeval) -> dict[str, float]:
    """Return pycocotools' figures; -1 becomes NaN."""
    precision, recall = evaluation.eval["precision"], evaluation.eval["recall"]

    def mean(values: np.ndarray) -> float:
        return float(values[values > -1].mean()) if (values > -1).any() else float("nan")

    last = len(evaluation.params.maxDets) - 1
    stats = {
        "AP": mean(precision[:, :, :, 0, last]),
        "AP50": mean(precision[0, :, :, 0, last]),
        "AP75": mean(precision[5, :, :, 0, last]),
    }
    sizes = list(enumerate(("small", "medium", "large"), 1))
    stats |= {f"AP_{size}": mean(precision[:, :, :, a, last]) for a, size in sizes}
    stats |= {
        f"AR_{limit}": mean(recall[:, :, 0, m]) for m, limit in enumerate(evaluation.params.maxDets)
    }
    stats |= {f"AR_{size}": mean(recall[:, :, a, last]) for a, size in sizes}
    return stats


def coco_evaluation(
    truths: Sequence[Truth],
    labels: LabelSpace,
    kind: str,
    results: list[dict],
    max_detections: int = 100,
) -> COCOeval:
    """Return pycocotools' evaluation of a COCO results list, after `accumulate`."""
    gt = coco_truth(truths, labels, kind)
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = gt
        coco.createIndex()
        found = coco.loadRes(results) if results else _nothing_found(gt)
        evaluation = COCOeval(coco, found, kind)
        evaluation.params.maxDets = sorted(
            {n for n in (1, 10) if n < max_detections} | {max_detections}
        )
        evaluation.evaluate()
        evaluation.accumulate()
    return evaluation


def _nothing_found(gt: dict) -> COCO:
    coco = COCO()
    coco.dataset = {**copy.deepcopy(gt), "annotations": []}
    coco.createIndex()
    return coco


def coco_truth(truths: Sequence[Truth], labels: LabelSpace, kind: str) -> dict:
    """Return a COCO annotation dictionary."""
    source_ids = [label.source_id for label in labels.labels]
    gt: dict = {
        "images": [
            {"id": t.image_id, "height": t.size_hw[0], "width": t.size_hw[1]} for t in truths
        ],
        "categories": [{"id": x.source_id, "name": x.name} for x in labels.labels],
        "annotations": [],
    }
    for truth in truths:
        target = truth.target
        for i, label in enumerate(target.labels_N):
            annotation = {
                "id": len(gt["annotations"]) + 1,
                "image_id": truth.image_id,
                "category_id": source_ids[label],
                "bbox": [float(v) for v in target.boxes_N4[i]],
                "area": float(target.areas_N[i]),
                "iscrowd": int(target.iscrowd_N[i]),
            }
            if kind == "segm":
                annotation["segmentation"] = target.masks[i]
            gt["annotations"].append(annotation)
    return gt


def coco_results(predictions: Sequence[Prediction], labels: LabelSpace, kind: str) -> list[dict]:
    """Return a COCO results list."""
    source_ids = [label.source_id for label in labels.labels]
    results = []
    for prediction in predictions:
        for i, label in enumerate(prediction.labels_N):
            x1, y1, x2, y2 = (float(v) for v in prediction.boxes_N4[i])
            result = {
                "image_id": prediction.image_id,
                "category_id": source_ids[label],
                "score": float(prediction.scores_N[i]),
            }
            if kind == "segm":
                result["segmentation"] = dict(prediction.masks[i])
            else:
                result["bbox"] = [x1, y1, x2 - x1, y2 - y1]
            results.append(result)
    return results
