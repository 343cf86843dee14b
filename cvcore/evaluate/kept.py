"""What a metric keeps of every image, in a file: every figure can be had again without the model.

state.npz holds the rows of the metric's tables, the image ids and the label space. Whoever opens it
has the metric as it was after the last image: other thresholds, slices and paired tests are a matter
of milliseconds. Torch-free; nothing in it is unpickled.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from cvcore.data.labels import LabelSpace
from cvcore.errors import DataError
from cvcore.evaluate.classify import ClassificationMetric
from cvcore.evaluate.coco import CocoMetric
from cvcore.evaluate.panoptic import PanopticMetric
from cvcore.evaluate.semantic import SemanticMetric

FILE = "state.npz"
_FORMAT = 1

Metric = CocoMetric | SemanticMetric | ClassificationMetric | PanopticMetric
_SIMPLE: dict[str, type[ClassificationMetric | SemanticMetric | PanopticMetric]] = {
    "classification": ClassificationMetric,
    "semantic_segmentation": SemanticMetric,
    "panoptic_segmentation": PanopticMetric,
}


def save(metric: Metric, path: Path) -> None:
    """Write a metric after its last update; a file that is there is replaced."""
    described: dict[str, Any] = {"format": _FORMAT, "labels": metric.labels.to_dict()}
    if isinstance(metric, CocoMetric):
        described |= {"iou_types": metric.iou_types, "max_detections": metric.max_detections}
        tables = metric.state()
    else:
        described["task"] = next(k for k, v in _SIMPLE.items() if isinstance(metric, v))
        tables = {"": metric.state()}
    arrays: dict[str, Any] = {}
    for table, state in tables.items():
        described["ids"] = state["ids"]
        for group, (counts_I, rows_R) in state["groups"].items():
            arrays[f"{table}/{group}/counts"] = counts_I
            arrays[f"{table}/{group}/rows"] = rows_R
    text = json.dumps(described).encode()
    part = path.with_name(f".{path.name}.part")
    with part.open("wb") as file:
        np.savez_compressed(file, described=np.frombuffer(text, np.uint8), **arrays)
    part.replace(path)


def load(path: Path) -> Metric:
    """Return the metric that `save` wrote.

    Raises:
        DataError: there is no such file, it is torn, or of a newer version.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            described = json.loads(file["described"].tobytes())
            arrays = {name: file[name] for name in file.files if "/" in name}
        if described["format"] > _FORMAT:
            raise DataError(f"{path.name} was written by a newer Lakesight. Upgrade to read it.")
        labels = LabelSpace.from_dict(described["labels"])
        states: dict[str, Any] = {}
        for name in arrays:
            table, group, part = name.split("/")
            if part == "counts":
                rows_R = arrays[f"{table}/{group}/rows"]
                state = states.setdefault(table, {"ids": described["ids"], "groups": {}})
                state["groups"][group] = (arrays[name], rows_R)
        if "task" in described:
            simple = _SIMPLE[described["task"]](labels)
            simple.merge(states[""])
            return simple
        coco = CocoMetric(labels, described["iou_types"], described["max_detections"])
        coco.merge(states)
        return coco
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise DataError(
            f"{path.name} can't be read ({type(error).__name__}): the evaluation is from before it was "
            "kept, or its folder is torn. Evaluate again."
        ) from error
