"""Hard images: those a model was least sure of, or unlike its training, as a data set with pre-labels.

A person corrects the labels; then it is the data of the next run. Objects become COCO (boxes; masks are not
recorded), a classification becomes one folder per class.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cvcore.config.overrides import assign, select
from cvcore.data.labels import LabelSpace
from cvcore.monitor.reference import Reference
from launch.errors import LaunchError
from launch.monitor.record import Record
from launch.monitor.store import Store

_NOTHING = 0.5
"""Hardness of an image in which nothing was found."""

_UNLIKE = 0.2
"""Added for each feature outside of all training images, of at most three."""

_MOST_UNLIKE = 3
_VAL_EVERY = 5


@dataclass(frozen=True)
class Hard:
    """A recorded image that the model found hard.

    Attributes:
        record: of it.
        hardness: 1 - the lowest score, and more for each feature that no training image had.
        why: in words.
    """

    record: Record
    hardness: float
    why: str


@dataclass(frozen=True)
class Exported:
    """A data set of hard images.

    Attributes:
        folder: of it.
        num_images: in it.
        num_labels: pre-labels.
        overrides: that train on it.
    """

    folder: Path
    num_images: int
    num_labels: int
    overrides: tuple[str, ...]


def hardest(records: Sequence[Record], reference: Reference | None, most: int) -> list[Hard]:
    """Return the hardest images that have a picture, the hardest first.

    Args:
        records: of one version.
        reference: of its training; None: scores alone decide.
        most: how many.
    """
    found = [_hard(one, reference) for one in records if all(one.picture_hw)]
    return sorted(found, key=lambda one: (-one.hardness, -one.record.at))[:most]


def export(
    hard: Sequence[Hard], store: Store, labels: LabelSpace, kind: str, folder: Path
) -> Exported:
    """Write a data set; every fifth image is for validation.

    Args:
        hard: what to take; at least two.
        store: that has the pictures.
        labels: the model's label space; the data set has the same ids.
        kind: the model's task.
        folder: must not exist, or be empty.

    Raises:
        LaunchError: the folder is not empty or can't be written, or there are too few images.
    """
    if kind not in ("detection", "instance_segmentation", "classification"):
        raise LaunchError(
            f"pre-labels of {kind} need masks, which are not recorded. Predict the pictures again: "
            "lakesight predict."
        )
    taken = [one for one in hard if store.picture(one.record.key) is not None]
    if len(taken) < 2:
        raise LaunchError(
            f"{len(taken)} recorded picture{'s' if len(taken) != 1 else ''} can't be a data set: at least "
            "two are needed, one to train and one to validate."
        )
    if folder.exists() and any(folder.iterdir()):
        raise LaunchError(f"{folder} is not empty. Name a new folder.")
    try:
        write = _write_classes if kind == "classification" else _write_coco
        count = write(taken, store, labels, folder)
    except OSError as error:
        raise LaunchError(f"{folder} can't be written: {error.strerror}.") from error
    reader = "image_folder" if kind == "classification" else "coco"
    words = (select("task", kind), select("data", reader), assign("data.root", str(folder)))
    return Exported(folder, len(taken), count, words)


def _hard(record: Record, reference: Reference | None) -> Hard:
    least = record.least_score
    reasons = []
    if not record.said:
        hardness = _NOTHING
        reasons.append("nothing was found")
    else:
        hardness = 1.0 - least if least is not None else 0.0
        if least is not None:
            label = next(one.label for one in record.said if one.score == least)
            reasons.append(f"{label} with a score of only {least:.2f}")
    unlike = []
    for name, grid in (reference.features if reference else {}).items():
        value = record.features.get(name)
        if value is not None and grid and not grid[0] <= value <= grid[-1]:
            unlike.append(f"{name} {value:.4g}, in training {grid[0]:.4g} to {grid[-1]:.4g}")
    hardness += _UNLIKE * min(len(unlike), _MOST_UNLIKE)
    return Hard(record, round(hardness, 4), "; ".join([*reasons, *unlike[:_MOST_UNLIKE]]))


def _split(number: int, count: int) -> str:
    return (
        "val"
        if number % _VAL_EVERY == _VAL_EVERY - 1 or (count < _VAL_EVERY and number == count - 1)
        else "train"
    )


def _write_coco(hard: Sequence[Hard], store: Store, labels: LabelSpace, folder: Path) -> int:
    categories = [
        {"id": number if not isinstance(one.source_id, int) else one.source_id, "name": one.name}
        for number, one in enumerate(labels.labels)
    ]
    ids = {str(one["name"]): one["id"] for one in categories}
    parts: dict[str, dict[str, list[dict[str, Any]]]] = {
        name: {"images": [], "annotations": []} for name in ("train", "val")
    }
    count = 0
    for number, one in enumerate(hard):
        record, name = one.record, _split(number, len(hard))
        _copy(store, record, folder / name)
        tall, wide = record.picture_hw
        parts[name]["images"].append(
            {"id": number + 1, "file_name": f"{record.key}.jpg", "width": wide, "height": tall}
        )
        for said in record.said:
            if said.box is None or said.label not in ids:
                continue
            down, right = tall / record.size_hw[0], wide / record.size_hw[1]
            x1, x2 = (min(max(v * right, 0.0), float(wide)) for v in said.box[::2])
            y1, y2 = (min(max(v * down, 0.0), float(tall)) for v in said.box[1::2])
            if x2 - x1 < 1 or y2 - y1 < 1:
                continue
            count += 1
            box = [round(v, 2) for v in (x1, y1, x2 - x1, y2 - y1)]
            area = round(box[2] * box[3], 2)
            parts[name]["annotations"].append(
                {
                    "id": count,
                    "image_id": number + 1,
                    "category_id": ids[said.label],
                    "bbox": box,
                    "area": area,
                    "iscrowd": 0,
                    "score": said.score,
                    "segmentation": _outline(box),
                }
            )
    (folder / "annotations").mkdir(parents=True)
    for name, part in parts.items():
        info = {"description": "pre-labels of a model, by Lakesight: a person has not seen them"}
        text = json.dumps({"info": info, **part, "categories": categories}, ensure_ascii=False)
        (folder / "annotations" / f"instances_{name}.json").write_text(text, encoding="utf-8")
    return count


def _write_classes(hard: Sequence[Hard], store: Store, labels: LabelSpace, folder: Path) -> int:
    for number, one in enumerate(hard):
        split = _split(number, len(hard))
        label = one.record.said[0].label if one.record.said else labels.names[0]
        _copy(store, one.record, folder / split / label.replace("/", "_"))
    for split in ("train", "val"):
        for name in labels.names:
            (folder / split / name.replace("/", "_")).mkdir(parents=True, exist_ok=True)
    return len(hard)


def _copy(store: Store, record: Record, folder: Path) -> None:
    picture = store.picture(record.key)
    assert picture is not None
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(picture, folder / f"{record.key}.jpg")


def _outline(box_xywh: Sequence[float]) -> list[list[float]]:
    x, y, width, height = box_xywh
    return [[x, y, x + width, y, x + width, y + height, x, y + height]]
