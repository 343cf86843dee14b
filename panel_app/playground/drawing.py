"""An endpoint's answer as the browser draws it (views/overlay.js); every number is the answer's own.

Letters: H, W = height, width of the image; P = parts of a map.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cvcore.errors import DataError
from panel_app.data.overlay import outlines
from panel_app.playground.facts import Facts

_MAX_PARTS = 65_535
_WRONG = "the endpoint's answer is not one of a Lakesight model"


def drawing(answer: Mapping[str, Any], facts: Facts) -> dict[str, Any]:
    """Return what is drawn of an answer.

    Args:
        answer: as `cvcore.serve.payload.answer` describes; maps may be PNG bytes too.
        facts: of the model.

    Returns:
        "task", "size" [H, W], "labels" [{name, color}]; of objects "boxes" [[class, left, top,
        width, height, 0]], "scores", "polygons"; of a map "mask" (PNG as data URL, the value R + 256 G
        of a pixel indexes "parts"), "parts" (classes), "rows" [{class, text, score}]; of a
        classification "rows"; "threshold" and "limits" by class; "floor": the lowest score asked for.

    Raises:
        DataError: it is no such answer.
    """
    try:
        size = [int(value) for value in answer["size"]]
        names = _names(answer, facts)
        place = {name: index for index, name in enumerate(names)}
        found: dict[str, Any] = {
            "size": size,
            "labels": [{"name": n, "color": list(facts.colour(n, i))} for i, n in enumerate(names)],
            "threshold": facts.threshold,
            "limits": facts.class_thresholds,
            "floor": facts.floor,
        }
        if answer.get("objects") is not None:
            return found | _objects(answer["objects"], place)
        if answer.get("segment_map"):
            return found | _panoptic(answer, place)
        if answer.get("label_map"):
            return found | _semantic(answer, place, list(facts.colours) or names)
        rows = [
            {"class": place[one["label"]], "text": one["label"], "score": float(one["score"])}
            for one in answer["classes"]
        ]
        return found | {"task": "classification", "rows": rows}
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, cv2.error) as error:
        raise DataError(f"{_WRONG}: {type(error).__name__} {error}") from error


def _names(answer: Mapping[str, Any], facts: Facts) -> list[str]:
    """Return the classes: those that the model knows, then what only the answer says."""
    said = [
        str(one["label"])
        for key in ("objects", "segments", "classes")
        for one in answer.get(key) or []
    ]
    return list(dict.fromkeys([*facts.colours, *said]))


def _objects(objects: Sequence[Mapping[str, Any]], place: Mapping[str, int]) -> dict[str, Any]:
    boxes, polygons = [], []
    for one in objects:
        x1, y1, x2, y2 = (float(value) for value in one["box"])
        boxes.append([place[one["label"]], x1, y1, round(x2 - x1, 2), round(y2 - y1, 2), 0])
        polygons.append(outlines(one.get("mask") or one.get("polygons")))
    kind = "instance_segmentation" if any(polygons) else "detection"
    found = {"task": kind, "boxes": boxes, "scores": [float(one["score"]) for one in objects]}
    return found | ({"polygons": polygons} if any(polygons) else {})


def _panoptic(answer: Mapping[str, Any], place: Mapping[str, int]) -> dict[str, Any]:
    bgr_HW3 = _decoded(answer["segment_map"]).astype(np.int64)
    ids_HW = bgr_HW3[..., 2] + 256 * bgr_HW3[..., 1] + 65536 * bgr_HW3[..., 0]
    segments = list(answer["segments"])
    ids, counts = np.unique(ids_HW, return_counts=True)
    pixels = dict(zip(ids.tolist(), counts.tolist(), strict=True))
    values_HW = np.zeros(ids_HW.shape, np.uint16)
    rows = []
    for value, one in enumerate(segments, 1):
        values_HW[ids_HW == int(one["id"])] = value
        rows.append(
            {
                "class": place[one["label"]],
                "text": one["label"],
                "score": one.get("score"),
                "share": pixels.get(int(one["id"]), 0) / ids_HW.size,
            }
        )
    parts = [-1, *(row["class"] for row in rows)]
    return {
        "task": "panoptic_segmentation",
        "mask": _picture(values_HW),
        "parts": parts,
        "segments": len(rows),
        "rows": rows,
    }


def _semantic(
    answer: Mapping[str, Any], place: Mapping[str, int], by_index: Sequence[str]
) -> dict[str, Any]:
    map_HW = _decoded(answer["label_map"])
    map_HW = map_HW[..., 0] if map_HW.ndim == 3 else map_HW
    values_HW = np.where(map_HW < min(len(by_index), _MAX_PARTS), map_HW.astype(np.int64) + 1, 0)
    rows = [
        {"class": place[one["label"]], "text": one["label"], "share": float(one["fraction"])}
        for one in answer["classes"]
    ]
    rows.sort(key=lambda row: -row["share"])
    return {
        "task": "semantic_segmentation",
        "mask": _picture(values_HW.astype(np.uint16)),
        "parts": [-1, *(place[name] for name in by_index)],
        "rows": rows,
    }


def _decoded(png: str | bytes) -> NDArray[Any]:
    try:
        data = png if isinstance(png, bytes) else base64.b64decode(png, validate=True)
    except binascii.Error as error:
        raise DataError(f"{_WRONG}: its map is no PNG.") from error
    found = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if found is None:
        raise DataError(f"{_WRONG}: its map is no PNG.")
    return found


def _picture(values_HW: NDArray[np.uint16]) -> str:
    bgr_HW3 = np.zeros((*values_HW.shape, 3), np.uint8)
    bgr_HW3[..., 2] = values_HW & 255
    bgr_HW3[..., 1] = values_HW >> 8
    data = bytes(cv2.imencode(".png", bgr_HW3)[1])
    return "data:image/png;base64," + base64.b64encode(data).decode("ascii")
