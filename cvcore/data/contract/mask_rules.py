"""The rules of an object's segmentation (polygons or RLE), and their repair.

`size_hw` is (height, width) of the image in pixels, or None where it can't be read. Torch-free.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

from cvcore.data.contract.box_rules import ROUNDING_PX
from cvcore.data.contract.rule import Rule, rule
from cvcore.data.records import Rle

Size = tuple[int, int] | None
Polygon = Sequence[float]

_FIX = "correct segmentation in the annotation file, or remove the annotation"


@rule(
    "segmentation-malformed",
    "segmentation is a list of polygons, or a run-length mask with size and counts",
    _FIX,
    drop="annotation",
)
def malformed(value: object) -> bool:
    """Return whether a raw value is neither (readers keep such a segmentation as None)."""
    return value is not None and not isinstance(value, list | dict)


@rule(
    "segmentation-missing",
    "an object has a segmentation, which instance segmentation needs",
    "add polygons or a run-length mask, or train with task=detection",
    drop="annotation",
)
def missing(value: object) -> bool:
    """Return whether there is none."""
    return not value


@rule(
    "polygon-odd",
    "a polygon has an even number of values: x and y of each point",
    _FIX,
    drop="annotation",
    repair="the polygon is left out, the object's others stay",
)
def odd(polygon: Polygon, _size: Size) -> bool:
    """Return whether a coordinate is missing."""
    return len(polygon) % 2 == 1


@rule(
    "polygon-short",
    "a polygon has at least three points",
    _FIX,
    drop="annotation",
    repair="the polygon is left out, the object's others stay",
)
def too_short(polygon: Polygon, _size: Size) -> bool:
    """Return whether there are fewer than three points."""
    return len(polygon) < 6


@rule(
    "polygon-not-finite",
    "the coordinates of a polygon are finite",
    _FIX,
    drop="annotation",
    repair="the polygon is left out, the object's others stay",
)
def not_finite(polygon: Polygon, _size: Size) -> bool:
    """Return whether a coordinate is NaN or infinite."""
    return not all(map(math.isfinite, polygon))


@rule(
    "polygon-zero-area",
    "a polygon encloses an area",
    _FIX,
    drop="annotation",
    repair="the polygon is left out, the object's others stay",
)
def zero_area(polygon: Polygon, _size: Size) -> bool:
    """Return whether all points are on one line."""
    return polygon_area(polygon) < 1e-6


@rule(
    "polygon-outside",
    "a polygon touches its image",
    _FIX + "; check that it belongs to this image and is in pixels",
    drop="annotation",
    repair="the polygon is left out, the object's others stay",
)
def outside(polygon: Polygon, size: Size) -> bool:
    """Return whether no part of the polygon's box is in the image."""
    xs, ys = polygon[::2], polygon[1::2]
    if max(xs) <= 0 or max(ys) <= 0:
        return True
    return size is not None and (min(xs) >= size[1] or min(ys) >= size[0])


@rule(
    "polygon-partly-outside",
    f"a polygon reaches at most {ROUNDING_PX:g} px beyond its image",
    "cut the polygon at the image's border, or run with data.policy=repair",
    drop="outside",
    repair="cut at the image's border",
)
def partly_outside(polygon: Polygon, size: Size) -> bool:
    """Return whether a point is outside the image."""
    xs, ys = polygon[::2], polygon[1::2]
    if min(xs) < -ROUNDING_PX or min(ys) < -ROUNDING_PX:
        return True
    return size is not None and (max(xs) > size[1] + ROUNDING_PX or max(ys) > size[0] + ROUNDING_PX)


@rule(
    "rle-size",
    "a run-length mask has its image's size",
    "make the mask again at the image's size, or remove the annotation",
    drop="annotation",
)
def wrong_size(rle: Rle, size: Size) -> bool:
    """Return whether height or width differ from the image's."""
    return size is not None and tuple(rle["size"]) != size


@rule(
    "rle-malformed",
    "the runs of a run-length mask add up to its height x width",
    _FIX,
    drop="annotation",
)
def bad_runs(rle: Rle, _size: Size) -> bool:
    """Return whether the runs can't be a mask of that size."""
    height, width = rle["size"]
    counts = rle["counts"]
    runs = counts if isinstance(counts, list) else _runs(counts)
    return runs is None or any(run < 0 for run in runs) or sum(runs) != height * width


@rule(
    "rle-empty",
    "a run-length mask has at least one pixel",
    _FIX,
    drop="annotation",
)
def no_pixel(rle: Rle, _size: Size) -> bool:
    """Return whether no pixel is set."""
    counts = rle["counts"]
    runs = counts if isinstance(counts, list) else _runs(counts)
    return runs is not None and sum(runs[1::2]) == 0


POLYGON_RULES: tuple[Rule, ...] = (
    odd,
    too_short,
    not_finite,
    zero_area,
    outside,
    partly_outside,
)
RLE_RULES: tuple[Rule, ...] = (wrong_size, bad_runs, no_pixel)


def broken_by(segmentation: list[list[float]] | Rle, size: Size) -> tuple[Rule, str, object] | None:
    """Return the first broken rule with the field and its value."""
    if isinstance(segmentation, dict):
        found = next((r for r in RLE_RULES if r.broken(segmentation, size)), None)
        if found is None:
            return None
        return found, "segmentation", {**segmentation, "counts": _shown(segmentation["counts"])}
    for number, polygon in enumerate(segmentation):
        for r in POLYGON_RULES:
            if r.broken(polygon, size):
                return r, f"segmentation[{number}]", polygon
    return None


def mended(segmentation: list[list[float]] | Rle, size: Size) -> list[list[float]] | None:
    """Return the whole polygons, cut at the image's border; None if nothing is left."""
    if isinstance(segmentation, dict):
        return None
    kept = []
    for polygon in segmentation:
        broken = next((r for r in POLYGON_RULES if r.broken(polygon, size)), None)
        cut = clip_polygon(polygon, size) if broken is partly_outside else list(polygon)
        if broken in (None, partly_outside) and len(cut) >= 6 and polygon_area(cut) >= 1e-6:
            kept.append(cut)
    return kept or None


def polygon_area(polygon: Polygon) -> float:
    """Return the area enclosed, square pixels (shoelace formula)."""
    xs, ys = polygon[::2], polygon[1::2]
    total = 0.0
    for i in range(len(xs)):
        total += xs[i - 1] * ys[i] - xs[i] * ys[i - 1]
    return abs(total) / 2


def clip_polygon(polygon: Polygon, size: Size) -> list[float]:
    """Return a polygon [x1, y1, ...] cut at the image's borders; empty if nothing is left.

    Source: Sutherland and Hodgman 1974, "Reentrant polygon clipping".
    """
    points = list(zip(polygon[::2], polygon[1::2], strict=True))
    height, width = size or (math.inf, math.inf)
    for axis, border, sign in ((0, 0.0, 1), (0, width, -1), (1, 0.0, 1), (1, height, -1)):
        if math.isfinite(border):
            points = _cut(points, axis, border, sign)
    return [value for point in points for value in point]


def _cut(
    points: list[tuple[float, float]], axis: int, border: float, sign: int
) -> list[tuple[float, float]]:
    """Keep what is on one side of a line: sign * (coordinate - border) >= 0."""
    kept: list[tuple[float, float]] = []
    for i, point in enumerate(points):
        before = points[i - 1]
        this, last = (sign * (p[axis] - border) for p in (point, before))
        if (this < 0) != (last < 0):
            share = last / (last - this)
            crossing = [before[k] + share * (point[k] - before[k]) for k in (0, 1)]
            crossing[axis] = border
            kept.append((crossing[0], crossing[1]))
        if this >= 0:
            kept.append(point)
    return kept


def area_of(segmentation: list[list[float]] | Rle) -> float:
    """Return the area of a segmentation that breaks no rule, square pixels."""
    if isinstance(segmentation, dict):
        counts = segmentation["counts"]
        runs = counts if isinstance(counts, list) else _runs(counts)
        return float(sum((runs or ())[1::2]))
    return sum(map(polygon_area, segmentation))


def box_of(segmentation: list[list[float]] | Rle) -> tuple[float, float, float, float]:
    """Return the tight xywh box of a segmentation that breaks no rule."""
    if isinstance(segmentation, dict):
        from cvcore.data import masks

        return masks.bbox_xywh(masks.compress(segmentation))
    xs = [x for polygon in segmentation for x in polygon[::2]]
    ys = [y for polygon in segmentation for y in polygon[1::2]]
    return min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)


@lru_cache(maxsize=8)
def _runs(counts: str | bytes) -> tuple[int, ...] | None:
    """Return the runs of compressed counts, or None if they are cut off.

    Six bits per character from 48 on: five of value, the sixth says that more follow; from the
    third run on a run is the difference to the one two before. Source: pycocotools `maskApi`.
    """
    data = counts.encode("latin-1", "replace") if isinstance(counts, str) else counts
    runs: list[int] = []
    value = shift = 0
    for byte in data:
        code = byte - 48
        if not 0 <= code < 64:
            return None
        value |= (code & 0x1F) << shift
        shift += 5
        if code & 0x20:
            continue
        if code & 0x10:
            value -= 1 << shift
        runs.append(value + runs[-2] if len(runs) > 2 else value)
        value = shift = 0
    return tuple(runs) if shift == 0 else None


def _shown(counts: object) -> object:
    return counts[:40] if isinstance(counts, str | bytes | list) else counts
