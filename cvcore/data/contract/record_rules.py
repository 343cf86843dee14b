"""The rules of what a record says of its image: its class, its objects, its declared size.

Torch-free. Each `check_*` yields findings and alters nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from cvcore.data.contract import box_rules, mask_rules
from cvcore.data.contract.image_facts import ImageFacts
from cvcore.data.contract.rule import Finding, rule
from cvcore.data.records import Annotation, Record

_AREA_SLACK = 0.25
_AREA_SLACK_PX = 4.0


@dataclass(frozen=True, slots=True)
class Expected:
    """What a data set's records are held against.

    Attributes:
        kind: the task.
        category_ids: source ids of all categories of all splits.
        max_pixels: most pixels of an image.
    """

    kind: str
    category_ids: frozenset[int | str]
    max_pixels: int


@rule("record-unreadable", "a row of the source holds an image and what is said of it",
      "correct or remove the row", drop="image")  # fmt: skip
def unreadable(error: Exception | None) -> bool:
    """Return whether the reader could not make a record of it."""
    return error is not None


@rule(
    "size-declared",
    "the declared width and height are the image's",
    "correct width and height in the annotation file",
    drop="image",
    repair="at another scale of the same shape, or turned by EXIF: size, boxes and polygons are "
    "brought to the image's; else the image is left out",
)
def size_declared(declared_hw: tuple[int, int], real_hw: tuple[int, int]) -> bool:
    """Return whether they differ."""
    return declared_hw != real_hw


@rule(
    "category-unknown",
    "a category id is one of the declared ones",
    "add the category, or correct the id",
    drop="annotation",
)
def category_unknown(source_id: int | str, known: frozenset[int | str]) -> bool:
    """Return whether no split declares it."""
    return source_id not in known


@rule("class-missing", "an image has a class", "give it one, or remove it", drop="image")
def class_missing(source_id: int | str | None) -> bool:
    """Return whether there is none."""
    return source_id is None


@rule(
    "class-unknown",
    "an image's class is one of the declared ones",
    "declare the class, or correct it",
    drop="image",
)
def class_unknown(source_id: int | str, known: frozenset[int | str]) -> bool:
    """Return whether no split declares it."""
    return source_id not in known


@rule(
    "area-mismatch",
    "area is that of the mask, or of the box where there is none",
    "remove area (it is then computed), or correct it; COCO's size ranges use it",
    severity="warning",
    repair="computed again",
)
def area_mismatch(annotation: Annotation) -> bool:
    """Return whether area is not positive, or far from what its geometry says."""
    area = annotation.area
    if area is None or annotation.iscrowd:
        return False
    if not math.isfinite(area) or area <= 0:
        return True
    true = true_area(annotation)
    if true is None:
        return False
    slack = _AREA_SLACK * max(area, true) + _AREA_SLACK_PX
    if annotation.segmentation:
        return abs(area - true) > slack
    return area > true + slack  # smaller may be the area of a mask that was not exported


def true_area(annotation: Annotation) -> float | None:
    """Return the area of the mask, else of the box, square pixels; None if there is neither."""
    if annotation.segmentation and mask_rules.broken_by(annotation.segmentation, None) is None:
        return mask_rules.area_of(annotation.segmentation)
    if annotation.bbox_xywh is None:
        return None
    return annotation.bbox_xywh[2] * annotation.bbox_xywh[3]


def check_image(record: Record, facts: ImageFacts) -> Iterator[Finding]:
    """Yield what is wrong with the image's file and declared size."""
    from cvcore.data.contract.image_facts import CONVERTED

    if facts.broken is not None:
        field = "file_name" if record.image.path is not None else "image"
        yield Finding(facts.broken, field, facts.reason)
    if facts.converted is not None:
        yield Finding(CONVERTED, "mode", facts.converted)
    declared, real = record.size_hw, facts.size_hw
    if declared is not None and real is not None and size_declared.broken(declared, real):
        value = f"declared {declared[1]} x {declared[0]}, image {real[1]} x {real[0]}"
        if facts.orientation >= 5 and declared == real[::-1]:
            value += f" (turned by its EXIF orientation {facts.orientation})"
        yield Finding(size_declared, "width, height", value)


def check_content(
    record: Record, expected: Expected, size_hw: tuple[int, int] | None
) -> Iterator[Finding]:
    """Yield what is wrong with the class or the objects; `size_hw` bounds boxes and polygons."""
    if expected.kind == "classification":
        source_id = record.source_category
        if class_missing.broken(source_id):
            yield Finding(class_missing, "category", None)
        elif class_unknown.broken(source_id, expected.category_ids):
            yield Finding(class_unknown, "category", source_id)
    if expected.kind in ("detection", "instance_segmentation"):
        for position, annotation in enumerate(record.annotations):
            yield from check_annotation(annotation, position, expected, size_hw)


def check_annotation(
    annotation: Annotation,
    position: int,
    expected: Expected,
    size_hw: tuple[int, int] | None,
) -> Iterator[Finding]:
    """Yield what is wrong with one object: its category, its geometry (one each), its area."""
    if category_unknown.broken(annotation.source_category, expected.category_ids):
        yield Finding(category_unknown, "category_id", annotation.source_category, position)
    geometry = _geometry(annotation, position, expected.kind, size_hw)
    if geometry is not None:
        yield geometry
    if (geometry is None or geometry.rule.severity != "error") and area_mismatch.broken(annotation):
        yield Finding(area_mismatch, "area", annotation.area, position)


def _geometry(
    annotation: Annotation, position: int, kind: str, size_hw: tuple[int, int] | None
) -> Finding | None:
    box, segmentation = annotation.bbox_xywh, annotation.segmentation
    warning = None
    if box is not None:
        broken = box_rules.broken_by(box, size_hw)
        if broken is not None:
            found = Finding(broken, "bbox", list(box), position)
            if broken.severity == "error":
                return found
            warning = found
    if kind == "instance_segmentation" and mask_rules.missing.broken(segmentation):
        return Finding(mask_rules.missing, "segmentation", segmentation, position)
    if box is None and box_rules.missing.broken(segmentation):
        return Finding(box_rules.missing, "bbox", None, position)
    if segmentation and (kind == "instance_segmentation" or box is None):
        wrong = mask_rules.broken_by(segmentation, size_hw)
        if wrong is not None:
            return Finding(wrong[0], wrong[1], wrong[2], position)
    return warning
