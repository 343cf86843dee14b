"""A record as a line of JSON and back, so that a page reads a few records without their data set."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cvcore.data.contract.rule import json_able
from cvcore.data.records import Annotation, ImageRef, PanopticSegment, Record


def to_line(record: Record, size_hw: tuple[int, int] | None) -> bytes:
    """Return a record as one line.

    Args:
        record: what the reader gave.
        size_hw: the image's (height, width), declared or looked up.
    """
    row: dict[str, Any] = {"id": record.image_id, "image": _ref(record.image)}
    if size_hw is not None:
        row["size"] = size_hw
    if record.size_hw is not None:
        row["declared"] = record.size_hw
    if record.annotations:
        row["objects"] = [
            [a.annotation_id, a.source_category, a.bbox_xywh, _shape(a), a.area, int(a.iscrowd)]
            for a in record.annotations
        ]
    if record.source_category is not None:
        row["class"] = record.source_category
    if record.mask is not None:
        row["mask"] = _ref(record.mask)
    if record.segments:
        row["segments"] = [
            [s.segment_id, s.source_category, int(s.iscrowd), s.area] for s in record.segments
        ]
    if record.ignore_value is not None:
        row["ignore"] = record.ignore_value
    if record.metadata:
        row["meta"] = json_able(record.metadata)
    return json.dumps(row, separators=(",", ":"), default=str).encode() + b"\n"


def from_line(line: bytes) -> tuple[Record, tuple[int, int] | None]:
    """Return the record of a line, and its image's (height, width) where known.

    An image that lies in a table has a reference without path and data: ask the reader for it.
    """
    row = json.loads(line)
    size = row.get("size")
    declared = row.get("declared")
    record = Record(
        image_id=row["id"],
        image=_from_ref(row["image"]),
        size_hw=(declared[0], declared[1]) if declared else None,
        annotations=tuple(
            Annotation(own, category, None if box is None else tuple(box), shape, area, bool(crowd))
            for own, category, box, shape, area, crowd in row.get("objects", ())
        ),
        source_category=row.get("class"),
        mask=_from_ref(row["mask"]) if "mask" in row else None,
        segments=tuple(
            PanopticSegment(own, category, bool(crowd), area)
            for own, category, crowd, area in row.get("segments", ())
        ),
        ignore_value=row.get("ignore"),
        metadata=row.get("meta") or {},
    )
    return record, None if size is None else (size[0], size[1])


def in_table(ref: ImageRef) -> bool:
    """Return whether an image's bytes lie in a table and not in a file."""
    return ref.path is None


def _shape(annotation: Annotation) -> Any:
    shape = annotation.segmentation
    if isinstance(shape, dict) and isinstance(shape["counts"], bytes):
        return {"size": shape["size"], "counts": shape["counts"].decode("ascii")}
    return shape


def _ref(ref: ImageRef) -> list[str]:
    return ["file", str(ref.path)] if ref.path is not None else ["table", ref.name]


def _from_ref(row: list[str]) -> ImageRef:
    return ImageRef(Path(row[1])) if row[0] == "file" else ImageRef(name=row[1])
