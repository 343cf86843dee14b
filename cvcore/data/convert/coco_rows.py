"""Rows of a COCO JSON from our records. Source: cocodataset.org/#format-data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cvcore.data import masks
from cvcore.data.images import decode_panoptic
from cvcore.data.labels import LabelSpace
from cvcore.data.records import Annotation, Record
from cvcore.errors import DataError


def coco_ids(labels: LabelSpace) -> dict[int | str, int]:
    """Return the COCO id of each source id: itself if all are numbers, else the index from 1."""
    if all(isinstance(label.source_id, int) for label in labels.labels):
        return {label.source_id: int(label.source_id) for label in labels.labels}
    return {label.source_id: label.index + 1 for label in labels.labels}


def categories_of(labels: LabelSpace) -> list[dict[str, Any]]:
    """Return the list `categories`."""
    ids = coco_ids(labels)
    return [
        {
            "id": ids[label.source_id],
            "name": label.name,
            "isthing": int(label.isthing),
            "color": list(label.color),
        }
        for label in labels.labels
    ]


def annotations_of(record: Record) -> tuple[Annotation, ...]:
    """Return a record's objects; of panoptic data (instances) its segments as masks."""
    if not record.segments or record.mask is None:
        return record.annotations
    ids_HW = decode_panoptic(record.mask)
    return tuple(
        Annotation(
            segment.segment_id,
            segment.source_category,
            segmentation=masks.encode(ids_HW == segment.segment_id),
            iscrowd=segment.iscrowd,
        )
        for segment in record.segments
    )


def object_rows(
    found: Sequence[tuple[dict[str, Any], Annotation]], labels: LabelSpace, faults: list[str]
) -> list[dict[str, Any]]:
    """Return the list `annotations` of (image row, annotation) pairs; the unusable go to `faults`."""
    own = [a.annotation_id for _, a in found]
    keep_ids = all(isinstance(i, int) for i in own) and len(set(own)) == len(own)
    ids, rows = coco_ids(labels), []
    for number, (image, annotation) in enumerate(found, start=1):
        where = f"annotation {annotation.annotation_id!r} of image {image['file_name']}"
        try:
            row = _object_row(image, annotation, ids)
        except DataError as error:
            faults.append(f"{where}: {error} It was left out.")
            continue
        rows.append({"id": annotation.annotation_id if keep_ids else number, **row})
    return rows


def _object_row(
    image: dict[str, Any], annotation: Annotation, ids: dict[int | str, int]
) -> dict[str, Any]:
    row: dict[str, Any] = {
        "image_id": image["id"],
        "category_id": _category(annotation.source_category, ids),
        "iscrowd": int(annotation.iscrowd),
    }
    bbox, area = annotation.bbox_xywh, annotation.area
    if annotation.segmentation:
        size_hw = (image["height"], image["width"])
        rle = masks.to_rle(annotation.segmentation, size_hw)
        row["segmentation"] = (
            rle if isinstance(annotation.segmentation, dict) else annotation.segmentation
        )
        bbox = masks.bbox_xywh(rle) if bbox is None else bbox
        area = masks.area(rle) if area is None else area
    if bbox is None:
        raise DataError("it has neither bbox nor segmentation.")
    return {**row, "bbox": list(bbox), "area": bbox[2] * bbox[3] if area is None else area}


def panoptic_row(
    image_id: int, file_name: str, record: Record, labels: LabelSpace, faults: list[str]
) -> dict[str, Any]:
    """Return a row of the panoptic list `annotations`."""
    ids, segments = coco_ids(labels), []
    for segment in record.segments:
        try:
            category = _category(segment.source_category, ids)
        except DataError as error:
            faults.append(
                f"segment {segment.segment_id} of {record.mask}: {error} It was left out."
            )
            continue
        row = {"id": segment.segment_id, "category_id": category, "iscrowd": int(segment.iscrowd)}
        segments.append(row if segment.area is None else {**row, "area": segment.area})
    return {"image_id": image_id, "file_name": file_name, "segments_info": segments}


def _category(source_id: int | str, ids: dict[int | str, int]) -> int:
    if source_id not in ids:
        raise DataError(f"its category {source_id!r} is not declared.")
    return ids[source_id]
