"""COCO detection and instances: one JSON of annotations and one folder of images per split.

Source: COCO data format, cocodataset.org/#format-data.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cvcore.config.schema import CocoConf, DataConf
from cvcore.data.places import Inside, require_file, require_folder
from cvcore.data.readers.coco_json import (
    box_of,
    categories_of,
    declared_size,
    images_of,
    is_id,
    load_coco,
    segmentation_of,
)
from cvcore.data.readers.packed import PackedSplit, SourceFault, pack
from cvcore.data.records import SPLITS, Annotation, ImageRef, Record, Split
from cvcore.errors import DataError

_IMAGE_KEYS = {"id", "file_name", "width", "height"}


def open_reader(conf: DataConf, kind: str, root: Path) -> dict[str, Split]:
    """Return the splits that `conf` names. See `cvcore.data.readers`."""
    assert isinstance(conf, CocoConf)
    return {
        name: read_split(name, kind, root, json_file, images)
        for name, json_file, images in split_places(conf, root)
    }


def split_places(conf: CocoConf, root: Path) -> Iterator[tuple[str, Path, Path]]:
    """Yield name, JSON and image folder of each split that is set.

    Raises:
        DataError: one of them does not exist.
    """
    for name in SPLITS:
        annotations, images = getattr(conf, name), getattr(conf, f"{name}_images")
        if annotations is None:
            continue
        if images is None:
            raise DataError(
                f"data.{name} is set and data.{name}_images is not. Set data.{name}_images to the "
                "folder of its images."
            )
        yield (
            name,
            require_file(root / annotations, f"data.{name}"),
            require_folder(root / images, f"data.{name}_images"),
        )


def read_split(name: str, kind: str, root: Path, path: Path, images: Path) -> PackedSplit:
    """Return one split; images without annotations are kept.

    Args:
        name: train, val or test.
        kind: detection or instance_segmentation.
        root: folder of the data set.
        path: the JSON.
        images: folder where `file_name` starts.

    Raises:
        DataError: not a COCO file, of another task, or a file name that leads out of `root`.
    """
    content = load_coco(path)
    _require_kind(content["annotations"], kind, path)
    categories = categories_of(content, path)
    rows = list(images_of(content, path))
    known = {row["id"] for row in rows}
    places = Inside(images, root, path)
    faults: list[SourceFault] = []
    of_image: defaultdict[int | str, list[Annotation]] = defaultdict(list)
    for position, row in enumerate(content["annotations"]):
        annotation = _annotation(row, position, path, known, faults)
        if annotation is not None:
            of_image[row["image_id"]].append(annotation)
    records = (
        Record(
            image_id=row["id"],
            image=ImageRef(places.find(row["file_name"])),
            size_hw=declared_size(row),
            annotations=tuple(of_image.get(row["id"], ())),
            metadata={key: value for key, value in row.items() if key not in _IMAGE_KEYS},
        )
        for row in rows
    )
    return pack(name, categories, records, [path], faults)


def _require_kind(annotations: list[dict[str, Any]], kind: str, path: Path) -> None:
    if any("segments_info" in row for row in annotations[:1]):
        raise DataError(
            f"{path} is a COCO panoptic file (it has segments_info). Read it with "
            "data=coco_panoptic."
        )
    if (
        kind == "instance_segmentation"
        and annotations
        and not any(row.get("segmentation") for row in annotations)
    ):
        raise DataError(
            f"{path} has boxes only; instance segmentation needs a segmentation in its "
            "annotations. Choose task=detection, or annotations with masks."
        )


def _annotation(
    row: dict[str, Any],
    position: int,
    path: Path,
    image_ids: set[int | str],
    faults: list[SourceFault],
) -> Annotation | None:
    """Return an annotation as it stands; what it can't hold goes to `faults`."""
    annotation_id = row["id"] if is_id(row.get("id")) else f"annotations[{position}]"

    def fault(field: str, rule: str, fix: str) -> None:
        faults.append(SourceFault(path, annotation_id, field, row.get(field), rule, fix))

    if not is_id(row.get("image_id")) or row["image_id"] not in image_ids:
        fault("image_id", "must be the id of a listed image", "list the image, or remove it")
        return None
    if not is_id(row.get("category_id")):
        fault("category_id", "must be a category's id", "give it a category, or remove it")
        return None
    bbox = box_of(row)
    if bbox is None and row.get("bbox") is not None:
        fault("bbox", "must be four numbers: left, top, width, height", "correct or remove it")
    segmentation, whole = segmentation_of(row.get("segmentation"))
    if not whole:
        fault("segmentation", "must be polygons or a run-length mask", "correct or remove it")
    if row.get("iscrowd", 0) not in (0, 1):
        fault("iscrowd", "must be 0 or 1", "set it to 0 or 1")
    area = row.get("area")
    return Annotation(
        annotation_id=annotation_id,
        source_category=row["category_id"],
        bbox_xywh=bbox,
        segmentation=segmentation,
        area=float(area) if isinstance(area, int | float) else None,
        iscrowd=bool(row.get("iscrowd", 0)),
    )
