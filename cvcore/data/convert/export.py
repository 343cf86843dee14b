"""Our splits to the standard layout of their task, readable by our readers and by other tools.

| task | layout | read with |
|---|---|---|
| detection, instance segmentation | COCO JSON | data=coco |
| panoptic segmentation | COCO panoptic JSON and PNGs | data=coco_panoptic |
| semantic segmentation | images, PNG masks, classes.json | data=semantic_masks |
| classification | a folder per class | data=image_folder |
"""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from cvcore.config.overrides import assign, select
from cvcore.data.convert.coco_rows import annotations_of, categories_of, object_rows, panoptic_row
from cvcore.data.convert.place_images import ImagePlacer
from cvcore.data.convert.report import ConvertReport
from cvcore.data.images import header_size
from cvcore.data.labels import LabelSpace
from cvcore.data.records import Record, Split
from cvcore.errors import DataError

_READERS = {
    "detection": "coco",
    "instance_segmentation": "coco",
    "panoptic_segmentation": "coco_panoptic",
    "semantic_segmentation": "semantic_masks",
    "classification": "image_folder",
}


def export(
    splits: Mapping[str, Split], labels: LabelSpace, out: Path, kind: str, images: str = "copy"
) -> ConvertReport:
    """Write splits as a data set of the task's standard layout.

    Ids of categories are kept if they are numbers, those of images and annotations if they are
    different numbers; else they are numbered from 1.

    Args:
        splits: by name.
        labels: the label space; categories that it does not have are left out and reported.
        out: a new or empty folder.
        kind: the task.
        images: copy, or link (hard links; images held in tables are always written).

    Raises:
        DataError: `out` is not empty, an image is missing, or the disk is full.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DataError(
            f"{out} exists and is not empty. Give a new folder; nothing is overwritten."
        )
    partial = out.with_name(f".{out.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    faults: list[str] = []
    counts: dict[str, int] = {}
    try:
        partial.mkdir(parents=True)
        placer = ImagePlacer(partial, images)
        for name, split in splits.items():
            counts[name] = _WRITERS[kind](partial, name, split, labels, placer, faults)
        if kind == "semantic_segmentation":
            names = {str(label.source_id): label.name for label in labels.labels}
            (partial / "classes.json").write_text(json.dumps(names, indent=1))
        if out.exists():
            out.rmdir()
        partial.replace(out)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DataError(
                f"the disk of {out} became full. Free space, or link the images instead of copying "
                "them; nothing was left there."
            ) from error
        raise DataError(f"{out} can't be written: {error}.") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return ConvertReport(
        out=out,
        kind=kind,
        num_images={name: len(split) for name, split in splits.items()},
        num_annotations=counts,
        classes=tuple(labels.names),
        overrides=_overrides(kind, out, splits),
        faults=tuple(faults),
    )


def _overrides(kind: str, out: Path, splits: Mapping[str, Split]) -> tuple[str, ...]:
    found = [select("data", _READERS[kind]), assign("data.root", str(out))]
    if "test" in splits:
        found += {
            "coco": ["data.test=annotations/instances_test.json", "data.test_images=test"],
            "coco_panoptic": [
                "data.test=annotations/panoptic_test.json",
                "data.test_images=test",
                "data.test_masks=annotations/panoptic_test",
            ],
            "semantic_masks": ["data.test_images=images/test", "data.test_masks=masks/test"],
            "image_folder": ["data.test=test"],
        }[_READERS[kind]]
    if kind == "semantic_segmentation":
        ignored = {record.ignore_value for split in splits.values() for record in _records(split)}
        found += [f"data.ignore_value={value}" for value in ignored - {None, 255}]
    return tuple(found)


def _write_objects(
    partial: Path,
    name: str,
    split: Split,
    labels: LabelSpace,
    placer: ImagePlacer,
    faults: list[str],
) -> int:
    """Write a COCO JSON of objects; return their number."""
    records = list(_records(split))
    rows = _image_rows(records, [placer.place(r.image, name) for r in records])
    found = [(row, a) for row, r in zip(rows, records, strict=True) for a in annotations_of(r)]
    annotations = object_rows(found, labels, faults)
    _write_coco(partial / f"annotations/instances_{name}.json", rows, annotations, labels)
    return len(annotations)


def _write_panoptic(
    partial: Path,
    name: str,
    split: Split,
    labels: LabelSpace,
    placer: ImagePlacer,
    faults: list[str],
) -> int:
    """Write a COCO panoptic JSON and its PNGs; return the number of segments."""
    records = list(_records(split))
    rows = _image_rows(records, [placer.place(r.image, name) for r in records])
    annotations = [
        panoptic_row(
            row["id"], placer.place(r.mask, f"annotations/panoptic_{name}"), r, labels, faults
        )
        for row, r in zip(rows, records, strict=True)
        if r.mask is not None
    ]
    _write_coco(partial / f"annotations/panoptic_{name}.json", rows, annotations, labels)
    return sum(len(row["segments_info"]) for row in annotations)


def _write_semantic(
    partial: Path,  # noqa: ARG001
    name: str,
    split: Split,
    labels: LabelSpace,  # noqa: ARG001
    placer: ImagePlacer,
    faults: list[str],
) -> int:
    """Write images and masks of equal names; return the number of masks."""
    count = 0
    for record in _records(split):
        if record.mask is None or record.segments:
            faults.append(f"image {record.image} has no mask of class ids; it was left out.")
            continue
        image = placer.place(record.image, f"images/{name}")
        placer.place(record.mask, f"masks/{name}", stem=Path(image).stem)
        count += 1
    return count


def _write_classes(
    partial: Path,
    name: str,
    split: Split,
    labels: LabelSpace,
    placer: ImagePlacer,
    faults: list[str],
) -> int:
    """Write a folder per class; return the number of images."""
    name_of = {label.source_id: label.name for label in labels.labels}
    for class_name in name_of.values():
        if "/" in class_name or class_name.startswith("."):
            raise DataError(
                f"class {class_name!r} can't be a folder's name. Rename it without / and leading dot."
            )
        (partial / name / class_name).mkdir(parents=True, exist_ok=True)
    count = 0
    for record in _records(split):
        if record.source_category not in name_of:
            faults.append(f"image {record.image} has no known class; it was left out.")
            continue
        placer.place(record.image, f"{name}/{name_of[record.source_category]}")
        count += 1
    return count


_Writer = Callable[[Path, str, Split, LabelSpace, ImagePlacer, list[str]], int]
_WRITERS: dict[str, _Writer] = {
    "detection": _write_objects,
    "instance_segmentation": _write_objects,
    "panoptic_segmentation": _write_panoptic,
    "semantic_segmentation": _write_semantic,
    "classification": _write_classes,
}


def _records(split: Split) -> Iterator[Record]:
    return (split[index] for index in range(len(split)))


def _image_rows(records: Sequence[Record], names: Sequence[str]) -> list[dict[str, Any]]:
    """Return the list `images`; ids are kept if all are numbers."""
    keep_ids = all(isinstance(record.image_id, int) for record in records)
    rows = []
    for number, (record, name) in enumerate(zip(records, names, strict=True), start=1):
        height, width = record.size_hw or header_size(record.image)
        own_id = record.image_id if keep_ids else number
        rows.append({"id": own_id, "file_name": name, "height": height, "width": width})
    return rows


def _write_coco(path: Path, images: list[Any], annotations: list[Any], labels: LabelSpace) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"images": images, "annotations": annotations, "categories": categories_of(labels)}
    path.write_text(json.dumps(content))
