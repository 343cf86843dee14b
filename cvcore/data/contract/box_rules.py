"""The rules of a bounding box, first to last; a box is reported for the first it breaks.

A box is xywh: left, top, width, height in absolute pixels. `size_hw` is (height, width) in pixels,
or None where the image can't be read. Torch-free.
"""

from __future__ import annotations

import math

from cvcore.data.contract.rule import Rule, rule

Box = tuple[float, float, float, float]
Size = tuple[int, int] | None

ROUNDING_PX = 1.0
"""A box may reach this far beyond its image: exporters round, and count pixels from 0 or 1."""

_FIX = "correct bbox in the annotation file, or remove the annotation"


@rule(
    "bbox-malformed",
    "bbox is four numbers: left, top, width, height",
    _FIX,
    drop="annotation",
    repair="made from the segmentation, if there is one; else left out",
)
def malformed(value: object) -> bool:
    """Return whether a raw value can't be a box (readers keep such a box as None)."""
    return not (
        isinstance(value, list | tuple)
        and len(value) == 4
        and all(isinstance(v, int | float) and not isinstance(v, bool) for v in value)
    )


@rule(
    "bbox-missing",
    "an object has a bbox, or a segmentation to make it from",
    "add bbox, or remove the annotation",
    drop="annotation",
)
def missing(value: object) -> bool:
    """Return whether there is nothing at all."""
    return not value


@rule(
    "bbox-not-finite",
    "the numbers of bbox are finite",
    _FIX,
    drop="annotation",
    repair="made from the segmentation, if there is one; else left out",
)
def not_finite(box: Box, _size: Size) -> bool:
    """Return whether a number is NaN or infinite."""
    return not all(map(math.isfinite, box))


@rule(
    "bbox-negative-size",
    "bbox has no negative width or height",
    _FIX,
    drop="annotation",
    repair="turned round: a box drawn from right to left, or upwards",
)
def negative_size(box: Box, _size: Size) -> bool:
    """Return whether width or height is negative."""
    return box[2] < 0 or box[3] < 0


@rule(
    "bbox-zero-area",
    "bbox has an area: width and height are above 0",
    _FIX,
    drop="annotation",
    repair="made from the segmentation, if there is one; else left out",
)
def zero_area(box: Box, _size: Size) -> bool:
    """Return whether width or height is 0."""
    return box[2] == 0 or box[3] == 0


@rule(
    "bbox-outside",
    "bbox touches its image",
    _FIX + "; check that it belongs to this image and is in pixels",
    drop="annotation",
    repair="made from the segmentation, if there is one; else left out",
)
def outside(box: Box, size: Size) -> bool:
    """Return whether no part of the box is in the image."""
    x, y, width, height = box
    return (
        x + width <= 0 or y + height <= 0 or (size is not None and (x >= size[1] or y >= size[0]))
    )


@rule(
    "bbox-partly-outside",
    f"bbox reaches at most {ROUNDING_PX:g} px beyond its image",
    "cut bbox at the image's border, or run with data.policy=repair",
    drop="outside",
    repair="cut at the image's border",
)
def partly_outside(box: Box, size: Size) -> bool:
    """Return whether a part of the box is outside the image."""
    x, y, width, height = box
    if x < -ROUNDING_PX or y < -ROUNDING_PX:
        return True
    if size is None:
        return False
    return x + width > size[1] + ROUNDING_PX or y + height > size[0] + ROUNDING_PX


@rule(
    "bbox-tiny",
    "bbox is at least 1 px wide and high",
    "check that bbox is in pixels, not in fractions of the image",
    severity="warning",
)
def tiny(box: Box, _size: Size) -> bool:
    """Return whether width or height is below one pixel."""
    return box[2] < 1 or box[3] < 1


BOX_RULES: tuple[Rule, ...] = (
    not_finite,
    negative_size,
    zero_area,
    outside,
    partly_outside,
    tiny,
)


def broken_by(box: Box, size: Size) -> Rule | None:
    """Return the first rule that a box breaks."""
    return next((r for r in BOX_RULES if r.broken(box, size)), None)


def mended(box: Box, size: Size) -> Box | None:
    """Return a box turned round and cut at the image's border, or None if nothing is left."""
    if not_finite.broken(box, size):
        return None
    left, top, width, height = box
    left, width = (left + width, -width) if width < 0 else (left, width)
    top, height = (top + height, -height) if height < 0 else (top, height)
    right, bottom = left + width, top + height
    left, top = max(left, 0.0), max(top, 0.0)
    if size is not None:
        right, bottom = min(right, float(size[1])), min(bottom, float(size[0]))
    if right <= left or bottom <= top:
        return None
    return left, top, right - left, bottom - top


def looks_like_corners(box: Box, size: Size) -> bool:
    """Return whether a box would be whole if it were xyxy (left, top, right, bottom)."""
    left, top, right, bottom = box
    if not (right > left and bottom > top):
        return False
    return size is None or (right <= size[1] + ROUNDING_PX and bottom <= size[0] + ROUNDING_PX)
