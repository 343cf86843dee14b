"""What a model said of a recorded image, as labels of a data set that a person has not seen yet.

Letters: H, W = height, width of the kept picture.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cvcore.data import masks
from cvcore.data.labels import Label, LabelSpace
from cvcore.data.records import Annotation, ImageRef, PanopticSegment
from cvcore.data.records import Record as Labelled
from cvcore.monitor.answers import Said
from launch.monitor.record import Record

WITH_MASKS = ("instance_segmentation", "semantic_segmentation", "panoptic_segmentation")
_LEAST_PX = 1.0
"""Of a box's sides; less is no object."""


def prelabelled(
    record: Record, number: int, picture: ImageRef, labels: LabelSpace, kind: str
) -> Labelled:
    """Return a recorded image as one of a data set.

    Args:
        record: of it, with a picture; of a task with masks they are there.
        number: its id in the data set.
        picture: the kept one.
        labels: the model's label space, of semantic segmentation with numbers as ids; what it does
            not have is left out.
        kind: the model's task.
    """
    classes = {one.name: one for one in labels.labels}
    known = [(one, classes[one.label]) for one in record.said if one.label in classes]
    plain = Labelled(number, picture, record.picture_hw)
    if kind == "classification":
        # What was not told is for a person to say; a picture without a folder would be lost.
        best = known[0][1] if known else labels.labels[0]
        return replace(plain, source_category=best.source_id)
    if kind == "semantic_segmentation":
        largest = max(int(one.source_id) for one in labels.labels)
        dtype = np.uint8 if largest < np.iinfo(np.uint8).max else np.uint16
        unlabelled = int(np.iinfo(dtype).max)
        map_HW = np.full(record.picture_hw, unlabelled, dtype)
        for one, label in known:
            map_HW[_pixels(one)] = label.source_id
        return replace(plain, mask=_png(map_HW, record), ignore_value=unlabelled)
    if kind == "panoptic_segmentation":
        return replace(plain, **_panoptic(record, known))
    found = [_annotation(one, label, record) for one, label in known]
    return replace(plain, annotations=tuple(one for one in found if one is not None))


def _annotation(said: Said, label: Label, record: Record) -> Annotation | None:
    """Return an object; None of one that the kept picture is too small for."""
    if said.mask is not None:
        if masks.area(said.mask) < 1:
            return None
        return Annotation("", label.source_id, segmentation=said.mask)
    if said.box is None:
        return None
    tall, wide = record.picture_hw
    down, right = tall / record.size_hw[0], wide / record.size_hw[1]
    x1, x2 = (min(max(v * right, 0.0), float(wide)) for v in said.box[::2])
    y1, y2 = (min(max(v * down, 0.0), float(tall)) for v in said.box[1::2])
    if x2 - x1 < _LEAST_PX or y2 - y1 < _LEAST_PX:
        return None
    box = (round(x1, 2), round(y1, 2), round(x2 - x1, 2), round(y2 - y1, 2))
    return Annotation("", label.source_id, box)


def _panoptic(record: Record, known: list[tuple[Said, Label]]) -> dict[str, Any]:
    """Return mask and segments; where two overlap, the surer one has the pixels."""
    ids_HW = np.zeros(record.picture_hw, np.int32)
    segments = []
    for number, (one, label) in enumerate(known, start=1):
        pixels_HW = _pixels(one) & (ids_HW == 0)
        if pixels_HW.any():
            ids_HW[pixels_HW] = number
            segments.append(PanopticSegment(number, label.source_id, area=float(pixels_HW.sum())))
    bgr_HW3 = np.stack([ids_HW >> 16 & 255, ids_HW >> 8 & 255, ids_HW & 255], -1).astype(np.uint8)
    return {"mask": _png(bgr_HW3, record), "segments": tuple(segments)}


def _pixels(said: Said) -> NDArray[np.bool_]:
    assert said.mask is not None
    return masks.decode(said.mask).astype(bool)


def _png(array: NDArray[Any], record: Record) -> ImageRef:
    _, encoded = cv2.imencode(".png", array)
    return ImageRef(data=encoded.tobytes(), name=f"{record.key}.png")
