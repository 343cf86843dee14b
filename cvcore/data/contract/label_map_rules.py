"""The rules of masks that label a whole image: semantic class ids, panoptic segment ids.

Torch-free. Letters: H, W = height, width of the image.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvcore.data.contract.image_facts import EMPTY, MISSING, look, reason_of
from cvcore.data.contract.record_rules import Expected
from cvcore.data.contract.rule import Finding, rule
from cvcore.data.images import decode_mask, decode_panoptic
from cvcore.data.records import ImageRef, PanopticSegment, Record
from cvcore.errors import DataError

_FIX_MASK = "make the mask again, or remove the image"


@rule("mask-missing", "an image has a mask that can be opened", "add the mask, or remove the image",
      drop="image")  # fmt: skip
def mask_missing(mask: ImageRef | None) -> bool:
    """Return whether the record names none."""
    return mask is None


@rule("mask-corrupt", "a mask is an image file of ids that can be decoded", _FIX_MASK, drop="image")
def mask_corrupt(error: DataError | None) -> bool:
    """Return whether decoding it failed."""
    return error is not None


@rule("mask-size", "a mask has its image's size", _FIX_MASK, drop="image")
def mask_size(mask_hw: tuple[int, ...], image_hw: tuple[int, int] | None) -> bool:
    """Return whether height or width differ."""
    return image_hw is not None and tuple(mask_hw) != image_hw


@rule(
    "mask-value-unknown",
    "each value of a mask is a declared class or the ignore value",
    "add the class, or set data.ignore_value to the value of unlabelled pixels",
    drop="image",
    repair="pixels of that value become unlabelled",
)
def value_unknown(value: int, known: frozenset[int | str], ignore_value: int | None) -> bool:
    """Return whether a value means nothing."""
    return value not in known and value != ignore_value


@rule(
    "mask-unlabelled",
    "a mask labels at least one pixel",
    "label the image, or remove it: nothing is learned from it",
    severity="warning",
)
def all_unlabelled(values: Mapping[int, int], ignore_value: int | None) -> bool:
    """Return whether only the ignore value occurs."""
    return not set(values) - {ignore_value}


@rule(
    "segment-category-unknown",
    "a segment's category id is one of the declared ones",
    "add the category, or correct the id",
    drop="annotation",
)
def segment_category(segment: PanopticSegment, known: frozenset[int | str]) -> bool:
    """Return whether no split declares its category."""
    return segment.source_category not in known


@rule("segment-id-duplicate", "a segment id is used once in its image",
      "give each segment its own id", drop="annotation")  # fmt: skip
def segment_twice(segment_id: int, seen: set[int]) -> bool:
    """Return whether an earlier segment has the id."""
    return segment_id in seen


@rule("segment-id-reserved", "a segment id is above 0, which means unlabelled",
      "give the segment another id, in the PNG too", drop="annotation")  # fmt: skip
def segment_reserved(segment_id: int) -> bool:
    """Return whether it is the id of unlabelled pixels."""
    return segment_id <= 0


@rule("segment-not-in-png", "a listed segment has pixels in its PNG",
      "remove it from segments_info, or export the PNG again", drop="annotation")  # fmt: skip
def segment_without_pixels(segment_id: int, areas: Mapping[int, int]) -> bool:
    """Return whether it has none."""
    return segment_id not in areas


@rule(
    "segment-not-listed",
    "each id in a panoptic PNG is listed in segments_info",
    "list the segment, or export the PNG again",
    drop="pixels",
    repair="its pixels become unlabelled",
)
def segment_not_listed(segment_id: int, listed: set[int]) -> bool:
    """Return whether an id of the PNG is not listed."""
    return segment_id != 0 and segment_id not in listed


@rule(
    "segment-area-mismatch",
    "a segment's area is its number of pixels",
    "remove area, or correct it; the PNG counts",
    severity="warning",
    repair="counted again",
)
def segment_area(segment: PanopticSegment, areas: Mapping[int, int]) -> bool:
    """Return whether area is another number."""
    return segment.area is not None and abs(segment.area - areas[segment.segment_id]) > 1


@dataclass(frozen=True, slots=True)
class MaskFacts:
    """What one look at a mask found.

    Attributes:
        values: id -> number of pixels; empty where the mask was not decoded.
        findings: what is wrong.
    """

    values: Mapping[int, int]
    findings: tuple[Finding, ...]


def check_mask(
    record: Record, expected: Expected, image_hw: tuple[int, int] | None, *, pixels: bool
) -> MaskFacts:
    """Return what one look at a record's mask found; without `pixels` only its header is read."""
    panoptic = bool(record.segments) or expected.kind == "panoptic_segmentation"
    if record.mask is None:
        return MaskFacts({}, (Finding(mask_missing, "mask", None),))
    findings = list(_check_segments(record.segments, expected)) if panoptic else []
    facts = look(record.mask, expected.max_pixels, pixels=False)
    if facts.broken is not None or facts.size_hw is None:
        missing = facts.broken in (MISSING, EMPTY)
        broken = mask_missing if missing else mask_corrupt
        return MaskFacts({}, (*findings, _of_mask(record.mask, broken, facts.reason)))
    if mask_size.broken(facts.size_hw, image_hw):
        assert image_hw is not None
        value = "mask {1} x {0}, image {3} x {2}".format(*facts.size_hw, *image_hw)
        findings.append(_of_mask(record.mask, mask_size, value))
        return MaskFacts({}, tuple(findings))
    if not pixels:
        return MaskFacts({}, tuple(findings))
    try:
        values_HW = (decode_panoptic if panoptic else decode_mask)(record.mask, expected.max_pixels)
    except DataError as error:
        reason = reason_of(error, record.mask)
        return MaskFacts({}, (*findings, _of_mask(record.mask, mask_corrupt, reason)))
    areas = counted(values_HW)
    check = _check_panoptic if panoptic else _check_semantic
    return MaskFacts(areas, (*findings, *check(record, expected, areas)))


def counted(values_HW: NDArray[np.integer[Any]]) -> dict[int, int]:
    """Return id -> number of pixels."""
    ids, counts = np.unique(values_HW, return_counts=True)
    return dict(zip(ids.tolist(), counts.tolist(), strict=True))


def _check_semantic(
    record: Record, expected: Expected, values: Mapping[int, int]
) -> Iterator[Finding]:
    assert record.mask is not None
    for value, count in values.items():
        if value_unknown.broken(value, expected.category_ids, record.ignore_value):
            yield _of_mask(record.mask, value_unknown, f"{value} ({count} pixels)")
    if all_unlabelled.broken(values, record.ignore_value):
        yield _of_mask(record.mask, all_unlabelled, record.ignore_value)


def _check_segments(segments: tuple[PanopticSegment, ...], expected: Expected) -> Iterator[Finding]:
    seen: set[int] = set()
    for position, segment in enumerate(segments):
        segment_id = segment.segment_id
        if segment_reserved.broken(segment_id):
            yield Finding(segment_reserved, "id", segment_id, position)
        elif segment_twice.broken(segment_id, seen):
            yield Finding(segment_twice, "id", segment_id, position)
        elif segment_category.broken(segment, expected.category_ids):
            yield Finding(segment_category, "category_id", segment.source_category, position)
        seen.add(segment_id)


def _check_panoptic(
    record: Record, expected: Expected, areas: Mapping[int, int]
) -> Iterator[Finding]:
    assert record.mask is not None
    for position, segment in enumerate(record.segments):
        if segment_reserved.broken(segment.segment_id):
            continue
        if segment_without_pixels.broken(segment.segment_id, areas):
            yield Finding(segment_without_pixels, "id", segment.segment_id, position)
        elif segment_area.broken(segment, areas):
            yield Finding(segment_area, "area", segment.area, position)
    # For instances the reader lists things only, so the PNG holds more than is listed.
    if expected.kind in ("panoptic_segmentation", "semantic_segmentation"):
        listed = {segment.segment_id for segment in record.segments}
        for segment_id, count in areas.items():
            if segment_not_listed.broken(segment_id, listed):
                yield _of_mask(record.mask, segment_not_listed, f"{segment_id} ({count} pixels)")


def _of_mask(mask: ImageRef, broken: Any, value: object) -> Finding:
    return Finding(broken, "mask", value, file=str(mask))
