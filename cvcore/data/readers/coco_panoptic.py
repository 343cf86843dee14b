"""COCO panoptic: a JSON with segments_info and a folder of PNGs of segment ids per split.

The same files serve panoptic and semantic segmentation (all classes), and instance segmentation
and detection (things only). Source: COCO data format, cocodataset.org/#format-data, "Panoptic".
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cvcore.config.schema import CocoPanopticConf, DataConf
from cvcore.data.places import Inside, require_folder
from cvcore.data.readers.coco import split_places
from cvcore.data.readers.coco_json import (
    box_of,
    categories_of,
    declared_size,
    images_of,
    is_id,
    load_coco,
)
from cvcore.data.readers.packed import PackedSplit, SourceFault, pack
from cvcore.data.records import Annotation, ImageRef, PanopticSegment, Record, Split
from cvcore.errors import DataError

_THINGS_ONLY = ("detection", "instance_segmentation")


def open_reader(conf: DataConf, kind: str, root: Path) -> dict[str, Split]:
    """Return the splits that `conf` names. See `cvcore.data.readers`."""
    assert isinstance(conf, CocoPanopticConf)
    splits: dict[str, Split] = {}
    for name, path, images in split_places(conf, root):
        folder = getattr(conf, f"{name}_masks")
        if folder is None:
            raise DataError(
                f"data.{name} is set and data.{name}_masks is not. Set data.{name}_masks to the "
                "folder of its PNGs."
            )
        masks = require_folder(root / folder, f"data.{name}_masks")
        splits[name] = read_split(name, kind, root, path, images, masks)
    return splits


def read_split(
    name: str, kind: str, root: Path, path: Path, images: Path, masks: Path
) -> PackedSplit:
    """Return one split; an image without a panoptic annotation has no mask.

    Args:
        name: train, val or test.
        kind: the task; things only for detection and instance segmentation.
        root: folder of the data set.
        path: the JSON.
        images: folder where an image's `file_name` starts.
        masks: folder where an annotation's `file_name` starts.

    Raises:
        DataError: not a COCO panoptic file, or a file name that leads out of `root`.
    """
    content = load_coco(path)
    categories = [c for c in categories_of(content, path) if c.isthing or kind not in _THINGS_ONLY]
    stuff = {row["id"] for row in content["categories"]} - {c.source_id for c in categories}
    rows = list(images_of(content, path))
    known = {row["id"] for row in rows}
    faults: list[SourceFault] = []
    of_image: dict[int | str, dict[str, Any]] = {}
    for position, row in enumerate(content["annotations"]):
        image_id = row.get("image_id")
        if "segments_info" not in row or not isinstance(row.get("file_name"), str):
            raise DataError(
                f"{path}: annotations[{position}] has no segments_info and file_name, so this is "
                "not a COCO panoptic file. Read boxes or instances with data=coco."
            )
        if not is_id(image_id) or image_id not in known:
            rule = "must be the id of a listed image"
            fix = "list the image, or remove it"
            faults.append(SourceFault(path, row["file_name"], "image_id", image_id, rule, fix))
        elif image_id in of_image:
            raise DataError(
                f"{path}: image {image_id!r} has two panoptic annotations, "
                f"{of_image[image_id]['file_name']!r} and {row['file_name']!r}. Keep one."
            )
        else:
            of_image[image_id] = row

    pictures, pngs = Inside(images, root, path), Inside(masks, root, path)

    def record(row: dict[str, Any]) -> Record:
        annotation = of_image.get(row["id"])
        found = [] if annotation is None else _segments(annotation, path, faults)
        kept = [s for s in found if s["category_id"] not in stuff]
        png = None
        if annotation is not None:
            png = ImageRef(pngs.find(annotation["file_name"]))
        boxes_only = kind == "detection"
        return Record(
            image_id=row["id"],
            image=ImageRef(pictures.find(row["file_name"])),
            size_hw=declared_size(row),
            annotations=tuple(_annotation(s) for s in kept) if boxes_only else (),
            mask=None if boxes_only else png,
            segments=() if boxes_only else tuple(_segment(s) for s in kept),
        )

    return pack(name, categories, map(record, rows), [path], faults)


def _segments(
    annotation: dict[str, Any], path: Path, faults: list[SourceFault]
) -> list[dict[str, Any]]:
    """Return the usable rows of segments_info."""
    kept = []
    for row in annotation["segments_info"]:
        segment = row.get("id") if isinstance(row, dict) else None
        if isinstance(segment, int) and is_id(row.get("category_id")):
            kept.append(row)
        else:
            where = f"{annotation['file_name']}, segment {segment!r}"
            rule = "needs a whole-number id and a category_id"
            faults.append(SourceFault(path, where, "segments_info", row, rule, "correct it"))
    return kept


def _segment(row: dict[str, Any]) -> PanopticSegment:
    area = row.get("area")
    return PanopticSegment(
        segment_id=row["id"],
        source_category=row["category_id"],
        iscrowd=bool(row.get("iscrowd", 0)),
        area=float(area) if isinstance(area, int | float) else None,
    )


def _annotation(row: dict[str, Any]) -> Annotation:
    segment = _segment(row)
    return Annotation(
        annotation_id=segment.segment_id,
        source_category=segment.source_category,
        bbox_xywh=box_of(row),
        area=segment.area,
        iscrowd=segment.iscrowd,
    )
