"""COCO evaluation of 5,000 images: Lakesight's streaming metric against pycocotools.

Images are like COCO val2017: 640 x 480, 80 classes with a long tail, 7 objects and 100 detections
per image on average, 1 % crowds; masks are ellipses. Timed: ours from arrays to all figures
(`update` + `compute`), the reference `evaluate` + `accumulate`, which leaves out its loading of
results. Ours and the reference alternate; medians. Peak memory is that of a fresh process.

    python -m benchmarks.coco_evaluation [images] [repeats]
"""

from __future__ import annotations

import contextlib
import io
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from pycocotools import mask as mask_api
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from cvcore.data.labels import LabelSpace
from cvcore.data.records import Category, Rle
from cvcore.data.samples import Prediction, Target, Truth
from cvcore.evaluate.coco import CocoMetric

SIZE_HW = (480, 640)
NUM_CLASSES = 80
LABELS = LabelSpace.over([[Category(i + 1, f"class{i}") for i in range(NUM_CLASSES)]])
_CLASS_CHANCE = 1 / np.arange(1, NUM_CLASSES + 1)
_CLASS_CHANCE /= _CLASS_CHANCE.sum()


def images(num: int, with_masks: bool) -> Iterator[tuple[Prediction, Truth]]:
    """Yield COCO-like images, the same at each call."""
    for image_id in range(num):
        rng = np.random.default_rng(image_id)
        num_objects = int(rng.poisson(7.3))
        boxes = _boxes(rng, num_objects)
        labels = rng.choice(NUM_CLASSES, num_objects, p=_CLASS_CHANCE)
        again = rng.integers(0, max(num_objects, 1), 3 * num_objects)
        near = boxes[again] * (1 + 0.08 * rng.standard_normal((len(again), 4)))
        near_labels = np.where(
            rng.random(len(again)) < 0.85, labels[again], rng.integers(0, NUM_CLASSES, len(again))
        )
        rest = 100 - len(near) % 100
        found = np.concatenate([near, _boxes(rng, rest)])[:100]
        found_labels = np.concatenate(
            [near_labels, rng.choice(NUM_CLASSES, rest, p=_CLASS_CHANCE)]
        )[:100]
        scores = rng.beta(1, 6, len(found))
        scores[: len(near)] = rng.beta(3, 2, len(near))[: len(found)]
        found[:, 2:] = np.maximum(found[:, 2:], 2) + found[:, :2]
        target = Target(
            boxes_N4=boxes.astype(np.float32),
            labels_N=labels.astype(np.int64),
            areas_N=(boxes[:, 2] * boxes[:, 3] * 0.7).astype(np.float32),
            iscrowd_N=rng.random(num_objects) < 0.01,
            masks=_ellipses(boxes) if with_masks else None,
        )
        xywh = np.concatenate([found[:, :2], found[:, 2:] - found[:, :2]], axis=1)
        prediction = Prediction(
            image_id,
            boxes_N4=found.astype(np.float32),
            labels_N=found_labels.astype(np.int64),
            scores_N=scores.astype(np.float32),
            masks=_ellipses(xywh) if with_masks else None,
        )
        yield prediction, Truth(image_id, SIZE_HW, target)


def _boxes(rng: np.random.Generator, num: int) -> np.ndarray:
    extent = np.exp(rng.uniform(np.log(12), np.log(400), (num, 2)))
    corner = rng.random((num, 2)) * np.maximum(np.array(SIZE_HW[::-1]) - extent, 1)
    return np.concatenate([corner, extent], axis=1)


_ANGLES = np.linspace(0, 2 * np.pi, 24, endpoint=False)
_CIRCLE = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)], axis=1)


def _ellipses(boxes_xywh: np.ndarray) -> list[Rle]:
    polygons = boxes_xywh[:, None, :2] + boxes_xywh[:, None, 2:] * (1 + _CIRCLE) / 2
    return [mask_api.frPyObjects([polygon.ravel().tolist()], *SIZE_HW)[0] for polygon in polygons]


def ours(pairs: Iterator[tuple[Prediction, Truth]], kind: str) -> tuple[float, CocoMetric]:
    """Return seconds of `update` and `compute`, without making the images, and the metric."""
    metric = CocoMetric(LABELS, (kind,))
    spent = 0.0
    for prediction, truth in pairs:
        start = time.perf_counter()
        metric.update([prediction], [truth])
        spent += time.perf_counter() - start
    start = time.perf_counter()
    metric.compute()
    return spent + time.perf_counter() - start, metric


def reference(gt: COCO, results: list[dict], kind: str) -> tuple[float, float]:
    """Return seconds of pycocotools' `evaluate` and `accumulate`, and its AP."""
    with contextlib.redirect_stdout(io.StringIO()):
        found = gt.loadRes(results)
        start = time.perf_counter()
        evaluation = COCOeval(gt, found, kind)
        evaluation.evaluate()
        evaluation.accumulate()
        spent = time.perf_counter() - start
        evaluation.summarize()
    return spent, float(evaluation.stats[0])


def coco_format(pairs: Iterator[tuple[Prediction, Truth]], kind: str) -> tuple[COCO, list[dict]]:
    """Return the images in pycocotools' own structures."""
    dataset: dict[str, Any] = {
        "images": [],
        "annotations": [],
        "categories": [{"id": x.source_id, "name": x.name} for x in LABELS.labels],
    }
    results = []
    for prediction, truth in pairs:
        image = {"image_id": truth.image_id}
        dataset["images"].append({"id": truth.image_id, "height": 480, "width": 640})
        target = truth.target
        for i, k in enumerate(target.labels_N):
            row = {
                **image,
                "id": len(dataset["annotations"]) + 1,
                "category_id": int(k) + 1,
                "bbox": target.boxes_N4[i].astype(float).tolist(),
                "area": float(target.areas_N[i]),
                "iscrowd": int(target.iscrowd_N[i]),
            }
            dataset["annotations"].append(
                row if kind == "bbox" else row | {"segmentation": target.masks[i]}
            )
        xywh = prediction.boxes_N4.astype(float)
        xywh[:, 2:] -= xywh[:, :2]
        for i, k in enumerate(prediction.labels_N):
            row = {**image, "category_id": int(k) + 1, "score": float(prediction.scores_N[i])}
            shape = {"bbox": xywh[i].tolist()}
            results.append(
                row | (shape if kind == "bbox" else {"segmentation": prediction.masks[i]})
            )
    gt = COCO()
    gt.dataset = dataset
    with contextlib.redirect_stdout(io.StringIO()):
        gt.createIndex()
    return gt, results


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _measure(side: str, kind: str, num: int) -> dict[str, float]:
    """Run one side once in this process; peak memory counts from before its images exist."""
    before = _peak_mib()
    pairs = images(num, kind == "segm")
    if side == "ours":
        seconds, metric = ours(pairs, kind)
        ap = metric.compute()["mask_AP" if kind == "segm" else "AP"]
        kept = metric.nbytes / num
    else:
        seconds, ap = reference(*coco_format(pairs, kind), kind)
        kept = float("nan")
    return {"seconds": seconds, "ap": ap, "mib": _peak_mib() - before, "bytes_per_image": kept}


def _child(side: str, kind: str, num: int) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.coco_evaluation", "--child", side, kind, str(num)]
    return json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)


def run(num_images: int = 5000, repeats: int = 3) -> list[dict]:
    """Return rows of the benchmark table."""
    rows = []
    for kind in ("bbox", "segm"):
        measured: dict[str, list[dict[str, float]]] = {"ours": [], "reference": []}
        for _ in range(repeats):
            for side, values in measured.items():
                values.append(_child(side, kind, num_images))
        median = {
            side: {key: statistics.median(v[key] for v in values) for key in values[0]}
            for side, values in measured.items()
        }
        mine, theirs = median["ours"], median["reference"]
        gap = abs(mine["ap"] - theirs["ap"])
        rows.append(
            {
                "benchmark": f"COCO {kind} evaluation, {num_images} images",
                "ours": round(mine["seconds"], 2),
                "reference": round(theirs["seconds"], 2),
                "unit": "s",
                "ratio": round(theirs["seconds"] / mine["seconds"], 1),
                "note": f"pycocotools evaluate + accumulate; AP differs by {gap:.0e}",
            }
        )
        rows.append(
            {
                "benchmark": f"COCO {kind} evaluation, peak memory",
                "ours": round(mine["mib"]),
                "reference": round(theirs["mib"]),
                "unit": "MiB",
                "ratio": round(theirs["mib"] / max(mine["mib"], 1), 1),
                "note": f"ours keeps {mine['bytes_per_image']:.0f} bytes per image",
            }
        )
    return rows


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        print(json.dumps(_measure(sys.argv[2], sys.argv[3], int(sys.argv[4]))))
    else:
        for row in run(*map(int, sys.argv[1:])):
            print(json.dumps(row))
