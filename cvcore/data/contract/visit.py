"""One visit to one record: its image, mask and content against the rules. Torch-free."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cvcore.data.contract import box_rules
from cvcore.data.contract.image_facts import ImageFacts, look
from cvcore.data.contract.label_map_rules import check_mask
from cvcore.data.contract.record_rules import Expected, check_content, check_image, unreadable
from cvcore.data.contract.rule import Finding
from cvcore.data.records import Annotation, PanopticSegment, Record, Split
from cvcore.errors import DataError


@dataclass(frozen=True, slots=True)
class Visit:
    """What one visit saw.

    Attributes:
        index: the record's index in its split.
        image_id: its image id.
        file: its image's file.
        findings: with the annotation's id each (None: the image).
        image: what was seen of the image file.
        pixels: the image and mask were decoded.
        num_annotations: objects, segments, or 1 for a class or a mask.
        objects: category -> objects that can be trained on.
        mask_values: id -> pixels of its label mask.
        boxes: boxes, those whole as xyxy, those that reach outside as xywh.
        annotation_ids: ids of all its annotations; segments' ids are their image's only.
    """

    index: int
    image_id: int | str
    file: str
    findings: tuple[tuple[Finding, int | str | None], ...]
    image: ImageFacts
    pixels: bool
    num_annotations: int
    objects: Mapping[int | str, int]
    mask_values: Mapping[int, int]
    boxes: tuple[int, int, int]
    annotation_ids: tuple[int | str, ...]


_ONE_EACH = ("classification", "semantic_segmentation")
"""Tasks whose images have one annotation each: a class, a mask."""


def visit(split: Split, index: int, expected: Expected, *, pixels: bool) -> Visit:
    """Return what a look at one record found; with `pixels` image and mask are decoded."""
    try:
        record = split[index]
    except DataError as error:
        return _unreadable(split, index, error)
    facts = look(record.image, expected.max_pixels, pixels=pixels)
    findings = list(check_image(record, facts))
    size_hw = record.size_hw or facts.size_hw
    findings += check_content(record, expected, size_hw)
    mask_values: Mapping[int, int] = {}
    if _has_mask(record, expected):
        mask = check_mask(record, expected, facts.size_hw, pixels=pixels)
        findings += mask.findings
        mask_values = mask.values
    ids: list[int | str] = [a.annotation_id for a in record.annotations]
    ids += [s.segment_id for s in record.segments]
    return Visit(
        index=index,
        image_id=record.image_id,
        file=str(record.image),
        findings=tuple((f, None if f.position is None else ids[f.position]) for f in findings),
        image=facts,
        pixels=pixels,
        num_annotations=1 if expected.kind in _ONE_EACH else len(ids),
        objects=_objects(record, expected, findings, mask_values),
        mask_values=mask_values,
        boxes=_boxes(record, size_hw),
        annotation_ids=tuple(a.annotation_id for a in record.annotations),
    )


def _unreadable(split: Split, index: int, error: DataError) -> Visit:
    """Return the visit to a record that its reader can't make (a table's cell without an image)."""
    where = f"{split.name}, record {index}"
    finding = Finding(unreadable, "record", str(error))
    return Visit(
        index=index,
        image_id=where,
        file=where,
        findings=((finding, None),),
        image=ImageFacts(),
        pixels=False,
        num_annotations=0,
        objects={},
        mask_values={},
        boxes=(0, 0, 0),
        annotation_ids=(),
    )


def _has_mask(record: Record, expected: Expected) -> bool:
    kinds = ("semantic_segmentation", "panoptic_segmentation")
    return expected.kind in kinds or bool(record.segments)


def _objects(
    record: Record, expected: Expected, findings: list[Finding], mask_values: Mapping[int, int]
) -> Counter[int | str]:
    broken = {f.position for f in findings if f.rule.severity == "error"}
    # A box or polygon partly outside still is an object.
    kept = {f.position for f in findings if f.rule.drop in ("outside", "pixels")}
    if any(f.rule.drop == "image" for f in findings):
        return Counter()
    if expected.kind == "classification":
        assert record.source_category is not None
        return Counter([record.source_category])
    if expected.kind == "semantic_segmentation" and not record.segments:
        return Counter(v for v in mask_values if v in expected.category_ids)
    items: Sequence[Annotation | PanopticSegment] = record.annotations or record.segments
    return Counter(
        item.source_category
        for position, item in enumerate(items)
        if not item.iscrowd and (position not in broken or position in kept)
    )


def _boxes(record: Record, size_hw: tuple[int, int] | None) -> tuple[int, int, int]:
    found = [a.bbox_xywh for a in record.annotations if a.bbox_xywh is not None and not a.iscrowd]
    beyond = (box_rules.partly_outside, box_rules.outside)
    return (
        len(found),
        sum(box_rules.looks_like_corners(box, size_hw) for box in found),
        sum(any(r.broken(box, size_hw) for r in beyond) for box in found),
    )
