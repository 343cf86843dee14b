"""Repairing what a record says of its whole image: its declared size, its label mask. Torch-free.

Letters: H, W = height, width of the image after its EXIF rotation.
"""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cvcore.data import masks
from cvcore.data.contract.mask_rules import box_of
from cvcore.data.image_header import read_header
from cvcore.data.images import decode_mask, decode_panoptic, upright
from cvcore.data.records import Annotation, ImageRef, Record, Rle

_SAME_SHAPE = 0.01
"""Two sizes are of one shape when their aspect ratios differ by less than this share."""


def with_true_size(record: Record, max_pixels: int) -> Record | None:
    """Return a record whose declared size is its image's, its objects brought along.

    Returns:
        The record, or None where the declared size is neither another scale of the image's shape
        nor the size before the EXIF rotation, so that nobody knows where the objects are.

    Raises:
        DataError: the image's header can't be read.
    """
    header = read_header(io.BytesIO(record.image.read()), record.image, max_pixels)
    declared, true = record.size_hw, header.size_hw
    if declared is None or declared == true or not record.annotations:
        return replace(record, size_hw=true)
    if header.orientation >= 5 and declared == header.stored_hw:
        turned = [_turned(a, declared, header.orientation) for a in record.annotations]
        return replace(record, size_hw=true, annotations=tuple(turned))
    scale_xy = (true[1] / declared[1], true[0] / declared[0])
    if abs(scale_xy[0] / scale_xy[1] - 1) > _SAME_SHAPE:
        return None
    scaled = [_scaled(a, scale_xy, true) for a in record.annotations]
    return replace(record, size_hw=true, annotations=tuple(scaled))


def with_known_values(record: Record, known: frozenset[int | str], max_pixels: int) -> Record:
    """Return a record whose mask holds declared class ids and the ignore value only.

    Pixels of any other value become unlabelled; where the record has no ignore value it gets 255,
    or the first number above all ids that is free.
    """
    assert record.mask is not None
    values_HW = decode_mask(record.mask, max_pixels)
    ids = {i for i in known if isinstance(i, int)}
    ignore = record.ignore_value
    if ignore is None:
        ignore = 255 if 255 not in ids else max(ids) + 1
    unknown_HW = ~np.isin(values_HW, [*ids, ignore])
    values_HW[unknown_HW] = ignore
    mask = _as_png(values_HW.astype(np.uint8 if values_HW.max() < 256 else np.uint16), record.mask)
    return replace(record, mask=mask, ignore_value=ignore)


def with_listed_segments(record: Record, max_pixels: int) -> Record:
    """Return a record whose panoptic PNG holds its listed segments only; the rest is 0."""
    assert record.mask is not None
    ids_HW = decode_panoptic(record.mask, max_pixels)
    ids_HW[~np.isin(ids_HW, [s.segment_id for s in record.segments])] = 0
    rgb_HW3 = np.stack([ids_HW % 256, ids_HW // 256 % 256, ids_HW // 65536], axis=-1)
    return replace(record, mask=_as_png(rgb_HW3.astype(np.uint8), record.mask))


def _as_png(pixels: NDArray[np.unsignedinteger], ref: ImageRef) -> ImageRef:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return ImageRef(data=buffer.getvalue(), name=str(ref))


def _scaled(
    annotation: Annotation, scale_xy: tuple[float, float], true_hw: tuple[int, int]
) -> Annotation:
    x_scale, y_scale = scale_xy
    box, segmentation, area = annotation.bbox_xywh, annotation.segmentation, annotation.area
    if box is not None:
        box = (box[0] * x_scale, box[1] * y_scale, box[2] * x_scale, box[3] * y_scale)
    if isinstance(segmentation, dict):
        segmentation = masks.resize(masks.compress(segmentation), true_hw)
    elif segmentation:
        factors = (x_scale, y_scale)
        segmentation = [[v * factors[i % 2] for i, v in enumerate(p)] for p in segmentation]
    return replace(
        annotation,
        bbox_xywh=box,
        segmentation=segmentation,
        area=None if area is None else area * x_scale * y_scale,
    )


def _turned(annotation: Annotation, stored_hw: tuple[int, int], orientation: int) -> Annotation:
    """Return an object in pixels of the upright image; given in pixels as stored."""
    segmentation: list[list[float]] | Rle | None = annotation.segmentation
    if isinstance(segmentation, dict):
        mask_HW = masks.decode(masks.compress(segmentation))
        segmentation = masks.encode(upright(mask_HW, orientation))
    elif segmentation:
        segmentation = [_turned_points(p, stored_hw, orientation) for p in segmentation]
    box = annotation.bbox_xywh
    if box is not None:
        left, top, width, height = box
        corners = [left, top, left + width, top + height]
        box = box_of([_turned_points(corners, stored_hw, orientation)])
    return replace(annotation, bbox_xywh=box, segmentation=segmentation)


def _turned_points(
    points: list[float], stored_hw: tuple[int, int], orientation: int
) -> list[float]:
    """Return [x1, y1, ...] turned as `cvcore.data.images.upright` turns pixels (5 to 8)."""
    width, height = stored_hw  # of the upright image: the axes are swapped
    turned: list[float] = []
    for x, y in zip(points[1::2], points[::2], strict=True):
        turned.append(width - x if orientation in (6, 7) else x)
        turned.append(height - y if orientation in (7, 8) else y)
    return turned
