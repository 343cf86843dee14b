"""The only place where a box changes format. All boxes are float32 [N, 4].

xywh: left, top, width, height, absolute pixels (COCO; what a `Target` holds).
xyxy: left, top, right, bottom, absolute pixels (what a `Prediction` holds).
cxcywh: centre x, centre y, width, height, as fractions of width and height (DETR family).
Pixel (0, 0) covers 0..1, so that right = left + width.
Source: COCO data format, cocodataset.org/#format-data; DETR, Carion et al. 2020, sec. 3.1.

Letters: N = boxes. Torch-free.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Boxes = NDArray[np.float32]


def as_boxes(values: ArrayLike) -> Boxes:
    """Return float32 [N, 4] of a sequence of four numbers each; nothing gives [0, 4]."""
    return np.asarray(values, dtype=np.float32).reshape(-1, 4)


def xywh_to_xyxy(boxes_N4: Boxes) -> Boxes:
    """Return xyxy boxes of xywh boxes."""
    return np.concatenate([boxes_N4[:, :2], boxes_N4[:, :2] + boxes_N4[:, 2:]], axis=1)


def xyxy_to_xywh(boxes_N4: Boxes) -> Boxes:
    """Return xywh boxes of xyxy boxes."""
    return np.concatenate([boxes_N4[:, :2], boxes_N4[:, 2:] - boxes_N4[:, :2]], axis=1)


def xywh_to_cxcywh(boxes_N4: Boxes, size_hw: tuple[int, int]) -> Boxes:
    """Return cxcywh fractions of an image of (height, width) `size_hw` of absolute xywh boxes."""
    centres_N2 = boxes_N4[:, :2] + boxes_N4[:, 2:] / np.float32(2)
    absolute_N4: Boxes = np.concatenate([centres_N2, boxes_N4[:, 2:]], axis=1)
    return absolute_N4 / _scale(size_hw)


def cxcywh_to_xywh(boxes_N4: Boxes, size_hw: tuple[int, int]) -> Boxes:
    """Return absolute xywh boxes of cxcywh fractions of an image of (height, width) `size_hw`."""
    pixels_N4 = boxes_N4 * _scale(size_hw)
    return np.concatenate(
        [pixels_N4[:, :2] - pixels_N4[:, 2:] / np.float32(2), pixels_N4[:, 2:]], axis=1
    )


def cxcywh_to_xyxy(boxes_N4: Boxes, size_hw: tuple[int, int]) -> Boxes:
    """Return absolute xyxy boxes of cxcywh fractions of an image of (height, width) `size_hw`."""
    return xywh_to_xyxy(cxcywh_to_xywh(boxes_N4, size_hw))


def xyxy_to_cxcywh(boxes_N4: Boxes, size_hw: tuple[int, int]) -> Boxes:
    """Return cxcywh fractions of an image of (height, width) `size_hw` of absolute xyxy boxes."""
    return xywh_to_cxcywh(xyxy_to_xywh(boxes_N4), size_hw)


def clip_xyxy(boxes_N4: Boxes, size_hw: tuple[int, int]) -> Boxes:
    """Return xyxy boxes cut at the borders of an image; one wholly outside gets zero area."""
    height, width = size_hw
    limits = np.array([width, height, width, height], np.float32)
    return np.clip(boxes_N4, np.float32(0), limits)


def clip_xywh(boxes_N4: Boxes, size_hw: tuple[int, int]) -> Boxes:
    """Return xywh boxes cut at the borders of an image; one wholly outside gets zero area."""
    return xyxy_to_xywh(clip_xyxy(xywh_to_xyxy(boxes_N4), size_hw))


def scale_xywh(boxes_N4: Boxes, from_hw: tuple[int, int], to_hw: tuple[int, int]) -> Boxes:
    """Return xywh (or xyxy) boxes of an image of size `from_hw` after its resize to `to_hw`."""
    return (boxes_N4 * (_scale(to_hw) / _scale(from_hw))).astype(np.float32)


def area_xywh(boxes_N4: Boxes) -> NDArray[np.float32]:
    """Return width x height, float32 [N], square pixels."""
    return boxes_N4[:, 2] * boxes_N4[:, 3]


def _scale(size_hw: tuple[int, int]) -> Boxes:
    height, width = size_hw
    return np.array([[width, height, width, height]], np.float32)
