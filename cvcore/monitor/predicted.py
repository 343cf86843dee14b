"""What a model said of a split, from the predictions that an evaluation wrote."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pycocotools import mask as coco_mask

from cvcore.data.labels import LabelSpace
from cvcore.monitor.answers import Said


def predicted(
    file: Path,
    truths: Path,
    labels: LabelSpace,
    threshold: float,
    class_thresholds: Mapping[str, float],
) -> Iterator[tuple[tuple[int, int], list[Said]]]:
    """Yield each image's (height, width) and what the model says of it above its thresholds.

    Args:
        file: `predictions.jsonl.gz`, see `cvcore.evaluate.predictions`.
        truths: `truths.jsonl.gz` beside it: images without any prediction count too.
        labels: the label space.
        threshold: of classes without their own.
        class_thresholds: by class name.
    """
    names = {str(label.source_id): label.name for label in labels.labels}
    found: dict[str, list[dict[str, Any]]] = {}
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            name = names[str(row["category_id"])]
            if row.get("bbox") and row["score"] < class_thresholds.get(name, threshold):
                continue
            found.setdefault(str(row["image_id"]), []).append({**row, "name": name})
    with gzip.open(truths, "rt", encoding="utf-8") as lines:
        for line in lines:
            truth = json.loads(line)
            height, width = truth["size_hw"]
            rows = found.get(str(truth["image_id"]), [])
            yield (height, width), [_said(row, (height, width)) for row in rows]


def _said(row: Mapping[str, Any], size_hw: tuple[int, int]) -> Said:
    name = str(row["name"])
    if row.get("bbox"):
        x, y, width, height = row["bbox"]
        return Said(name, float(row["score"]), (x, y, x + width, y + height))
    if "scores" in row:
        return Said(name, float(row["scores"][str(row["category_id"])]))
    if "segment_id" in row:
        return Said(name)
    area = float(coco_mask.area(row["segmentation"]))
    return Said(name, weight=area / (size_hw[0] * size_hw[1]))
