"""A record's truth as numbers for the browser, which draws them; masks of whole images as pictures.

Letters: H, W = height, width of the image.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cvcore.data import masks
from cvcore.data.images import decode_mask, decode_panoptic
from cvcore.data.labels import LabelSpace
from cvcore.data.records import Annotation, ImageRef, Record, Rle
from cvcore.errors import DataError

MAX_OBJECTS = 300
"""Of one thumbnail; a picture shown large has all."""

_THUMBNAIL_PX = 256


def shapes(
    record: Record, labels: LabelSpace, size_hw: tuple[int, int] | None, *, whole: bool
) -> dict[str, Any]:
    """Return what is drawn over an image, in the image's pixels.

    Args:
        record: the image's.
        labels: the label space.
        size_hw: the image's (height, width) where known.
        whole: all objects in full detail; else what a thumbnail shows.

    Returns:
        "boxes": [class, left, top, width, height, is crowd]; class -1 is not in the label space;
        "polygons": per box a list of [x1, y1, ...], with instance masks only;
        "class": of the image; "parts": the class of each value of the mask picture (0: nothing).
    """
    index_of = labels.index_of
    found: dict[str, Any] = {}
    if record.source_category is not None:
        found["class"] = index_of.get(record.source_category, -1)
    kept = record.annotations if whole else record.annotations[:MAX_OBJECTS]
    if kept:
        epsilon = 0.0 if whole or size_hw is None else max(size_hw) / _THUMBNAIL_PX * 0.75
        polygons = [outlines(a.segmentation, epsilon) for a in kept]
        found["boxes"] = [
            [index_of.get(a.source_category, -1), *_box(a, polygon), int(a.iscrowd)]
            for a, polygon in zip(kept, polygons, strict=True)
        ]
        if any(polygons):
            found["polygons"] = polygons
    if record.mask is not None:
        found["parts"] = (
            [-1, *(index_of.get(s.source_category, -1) for s in record.segments)]
            if record.segments
            else [-1, *range(len(labels))]
        )
    return found


def mask_picture(
    record: Record, labels: LabelSpace, mask: ImageRef, max_side_px: int | None
) -> Image.Image:
    """Return the mask as an RGB picture whose value R + 256 G indexes "parts" of `shapes`.

    Args:
        record: the image's.
        labels: the label space.
        mask: where its mask is.
        max_side_px: shrunk to this longer side, nearest neighbour; None: as it is.

    Raises:
        DataError: the mask can't be read.
    """
    if record.segments:
        source_HW = decode_panoptic(mask)
        ids = [segment.segment_id for segment in record.segments]
        values = list(range(1, len(ids) + 1))
    else:
        source_HW = decode_mask(mask)
        known = [x for x in labels.labels if isinstance(x.source_id, int)]
        ids = [int(x.source_id) for x in known if x.source_id != record.ignore_value]
        values = [x.index + 1 for x in known if x.source_id != record.ignore_value]
    if max_side_px is not None and max(source_HW.shape) > max_side_px:
        source_HW = _shrunk(source_HW, max_side_px)
    order = np.argsort(ids, kind="stable")
    ids_S, values_S = np.asarray(ids, np.int64)[order], np.asarray(values, np.int64)[order]
    parts_HW = np.zeros(source_HW.shape, np.int64)
    if len(ids_S):
        places_HW = np.searchsorted(ids_S, source_HW).clip(0, len(ids_S) - 1)
        parts_HW = np.where(ids_S[places_HW] == source_HW, values_S[places_HW], 0)
    picture_HW3 = np.zeros((*source_HW.shape, 3), np.uint8)
    picture_HW3[..., 0] = parts_HW & 255
    picture_HW3[..., 1] = parts_HW >> 8
    return Image.fromarray(picture_HW3)


def _shrunk(values_HW: NDArray[np.int32], max_side_px: int) -> NDArray[np.int32]:
    height, width = values_HW.shape
    scale = max_side_px / max(height, width)
    rows = (np.arange(max(1, round(height * scale))) + 0.5) / scale
    columns = (np.arange(max(1, round(width * scale))) + 0.5) / scale
    rows_h = rows.astype(np.intp).clip(0, height - 1)
    columns_w = columns.astype(np.intp).clip(0, width - 1)
    return values_HW[rows_h[:, None], columns_w]


def _box(annotation: Annotation, polygons: list[list[float]]) -> list[float]:
    if annotation.bbox_xywh is not None:
        return [_number(value) for value in annotation.bbox_xywh]
    if not polygons:
        return [0.0, 0.0, 0.0, 0.0]
    xs = [x for polygon in polygons for x in polygon[0::2]]
    ys = [y for polygon in polygons for y in polygon[1::2]]
    return [min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)]


def outlines(
    shape: Rle | Sequence[Sequence[float]] | None, epsilon: float = 0.0
) -> list[list[float]]:
    """Return a mask's lines as they are drawn, holes too: even-odd filled they are the mask.

    Args:
        shape: RLE or COCO's polygons; None: no mask.
        epsilon: pixels by which a line may be simplified.

    Returns:
        [[x1, y1, ...], ...]; nothing of what can't be read.
    """
    if not shape:
        return []
    if isinstance(shape, dict):
        try:
            mask_HW = masks.decode(masks.compress(shape))
        except (DataError, ValueError):
            return []
        contours, _ = cv2.findContours(mask_HW, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
        parts = [contour.reshape(-1, 2) + 0.5 for contour in contours]
    else:
        parts = [np.asarray(p[: len(p) // 2 * 2], np.float64).reshape(-1, 2) for p in shape]
        parts = [part for part in parts if np.isfinite(part).all()]
    if epsilon:
        parts = [_thinned(part, epsilon) for part in parts if len(part)]
    return [part.astype(np.float64).round(2).ravel().tolist() for part in parts if len(part)]


def _thinned(part_P2: NDArray[Any], epsilon: float) -> NDArray[np.float64]:
    fewer = cv2.approxPolyDP(part_P2.astype(np.float32), epsilon, closed=True)
    return np.asarray(fewer, np.float64).reshape(-1, 2)


def _number(value: float) -> float:
    return round(float(value), 2) if np.isfinite(value) else 0.0
