"""Leaving out or repairing one object, until it breaks no rule. Torch-free.

A box or segmentation is in the pixels of the image as its record declares it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from cvcore.data.contract import box_rules, mask_rules
from cvcore.data.contract.record_rules import (
    Expected,
    area_mismatch,
    check_annotation,
    true_area,
)
from cvcore.data.contract.rule import Finding
from cvcore.data.records import Annotation

Policy = Literal["strict", "drop", "repair"]

_MOST_STEPS = 6
"""An object can break one rule after another: its category, box, polygons, area."""


def treat_object(
    annotation: Annotation, expected: Expected, size_hw: tuple[int, int] | None, policy: Policy
) -> Annotation | None:
    """Return an object that breaks no rule, or None where it is left out.

    Args:
        annotation: the object.
        expected: what it is held against.
        size_hw: (height, width) of its image as declared, pixels, or None.
        policy: drop or repair.
    """
    for _ in range(_MOST_STEPS):
        finding = _first(annotation, expected, size_hw, policy)
        if finding is None:
            return annotation
        treated = _step(annotation, finding, expected.kind, size_hw, policy)
        if treated is None:
            return None
        annotation = treated
    return None


def _first(
    annotation: Annotation, expected: Expected, size_hw: tuple[int, int] | None, policy: Policy
) -> Finding | None:
    for finding in check_annotation(annotation, 0, expected, size_hw):
        mends_area = policy == "repair" and finding.rule is area_mismatch
        if finding.rule.severity == "error" or mends_area:
            return finding
    return None


def _step(
    annotation: Annotation,
    finding: Finding,
    kind: str,
    size_hw: tuple[int, int] | None,
    policy: Policy,
) -> Annotation | None:
    broken = finding.rule
    if broken is area_mismatch:
        return replace(annotation, area=true_area(annotation))
    if policy == "drop" and broken.drop != "outside":
        return None
    if broken in mask_rules.POLYGON_RULES and annotation.segmentation:
        return _with_polygons(annotation, size_hw)
    if broken in box_rules.BOX_RULES and annotation.bbox_xywh is not None:
        return _with_box(annotation, kind, size_hw, turn=broken in _KEPT_BY_TURNING_OR_CUTTING)
    return None


_KEPT_BY_TURNING_OR_CUTTING = (box_rules.negative_size, box_rules.partly_outside)


def _with_polygons(annotation: Annotation, size_hw: tuple[int, int] | None) -> Annotation | None:
    assert annotation.segmentation is not None
    kept = mask_rules.mended(annotation.segmentation, size_hw)
    if kept is None:
        return None
    return replace(annotation, segmentation=kept, area=mask_rules.area_of(kept))


def _with_box(
    annotation: Annotation, kind: str, size_hw: tuple[int, int] | None, *, turn: bool
) -> Annotation | None:
    assert annotation.bbox_xywh is not None
    box = box_rules.mended(annotation.bbox_xywh, size_hw) if turn else None
    if box is None:
        return from_segmentation(annotation, size_hw)
    # The area of a box is cut with it; that of a mask is the mask's.
    area = annotation.area if annotation.segmentation else None
    if kind == "detection" and area is None and annotation.area is not None:
        area = min(annotation.area, box[2] * box[3]) if annotation.area > 0 else box[2] * box[3]
    return replace(annotation, bbox_xywh=box, area=area)


def from_segmentation(annotation: Annotation, size_hw: tuple[int, int] | None) -> Annotation | None:
    """Return an object with the tight box of its segmentation, or None if that gives none."""
    segmentation = annotation.segmentation
    if segmentation and mask_rules.broken_by(segmentation, size_hw) is not None:
        segmentation = mask_rules.mended(segmentation, size_hw)
    if not segmentation:
        return None
    box = mask_rules.box_of(segmentation)
    return replace(
        annotation,
        segmentation=segmentation,
        bbox_xywh=box,
        area=mask_rules.area_of(segmentation),
    )
