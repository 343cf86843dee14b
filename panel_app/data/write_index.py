"""Writes a data set's index: who reads it needs neither the reader nor the annotation files.

Runs in a worker. Letters: N = images of all splits, one split after the other; M = objects.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from cvcore.config.schema import DataConf
from cvcore.data.images import header_size
from cvcore.data.labels import LabelSpace
from cvcore.data.readers import open_splits
from cvcore.data.records import Category, ImageRef, Record, Split
from cvcore.errors import DataError
from panel_app.data.as_json import to_line
from panel_app.data.store import MAX_FOLDERS, VERSION, stamps

Tell = Callable[[str, int, int], None]
"""Told of (phase, done, total)."""


def write_index(data: DataConf, kind: str, out: Path, tell: Tell) -> None:
    """Read a data set and write its index to a folder, which then holds nothing else of it.

    Raises:
        DataError: the data set can't be read.
    """
    tell("reading the annotations", 0, 0)
    splits = open_splits(data, kind)
    labels, clash = _labels(splits)
    out.mkdir(parents=True, exist_ok=True)
    writer = _Writer(labels, out)
    total = sum(len(split) for split in splits.values())
    done = 0
    parts = []
    for number, (name, split) in enumerate(splits.items()):
        parts.append({"name": name, "start": done, "count": len(split)})
        for index in range(len(split)):
            writer.add(number, split, index)
            done += 1
            if done % 200 == 0:
                tell("listing the images", done, total)
    writer.close()
    watched = [*(file for split in splits.values() for file in split.files), *writer.folders]
    meta = {
        "version": VERSION,
        "kind": kind,
        "splits": parts,
        "labels": labels.to_dict(),
        "clash": clash,
        "stamps": stamps(watched),
    }
    draft = out / ".meta.json"
    draft.write_text(json.dumps(meta))
    draft.replace(out / "meta.json")  # last: an index without it is not there


def _labels(splits: dict[str, Split]) -> tuple[LabelSpace, str]:
    """Return the label space; where names and ids clash, one to look at, and the reason."""
    try:
        return LabelSpace.over(split.categories for split in splits.values()), ""
    except DataError as error:
        seen: dict[int | str, Category] = {}
        for split in splits.values():
            for category in split.categories:
                known = seen.get(category.source_id)
                name = category.name if known is None else known.name
                seen[category.source_id] = Category(
                    category.source_id, name, category.isthing, category.color
                )
        names: set[str] = set()
        for key, category in seen.items():
            if category.name in names:
                seen[key] = Category(key, f"{category.name} (id {key})", category.isthing)
            names.add(seen[key].name)
        if not seen:
            raise
        return LabelSpace.over([list(seen.values())]), str(error)


class _Writer:
    def __init__(self, labels: LabelSpace, out: Path) -> None:
        self.labels, self.out = labels, out
        self.folders: dict[Path, None] = {}
        self._lines = (out / "records.jsonl").open("wb")
        self._names = (out / "names.txt").open("wb")
        self._split: list[int] = []
        self._objects: list[int] = []
        self._ends: list[int] = []
        self._name_ends: list[int] = []
        self._classes: list[int] = []
        self._class_ends: list[int] = []
        self._ids: list[int | str] = []

    def add(self, number: int, split: Split, index: int) -> None:
        """Add the next record; one that its reader can't make is kept as a name without picture."""
        try:
            record = split[index]
        except DataError:
            record = _unreadable(split.name, index)
        classes = self._classes_of(record)
        self._split.append(number)
        self._objects.append(len(classes))
        self._classes += classes
        self._class_ends.append(len(self._classes))
        self._lines.write(to_line(record, _size(record)))
        self._ends.append(self._lines.tell())
        path = record.image.path
        name = record.image.name if path is None else path.name
        self._names.write(name.lower().replace("\n", " ").encode("utf-8", "replace") + b"\n")
        self._name_ends.append(self._names.tell())
        self._ids.append(record.image_id)
        if path is not None and len(self.folders) < MAX_FOLDERS:
            self.folders.setdefault(path.parent)

    def close(self) -> None:
        self._lines.close()
        self._names.close()
        arrays: dict[str, Any] = {
            "split_N": np.asarray(self._split, np.uint8),
            "objects_N": np.asarray(self._objects, np.int32),
            "ends_N": np.asarray(self._ends, np.int64),
            "name_ends_N": np.asarray(self._name_ends, np.int64),
            "classes_M": np.asarray(self._classes, np.int32),
            "class_ends_N": np.asarray(self._class_ends, np.int64),
        }
        np.savez(self.out / "rows.npz", **arrays)
        (self.out / "ids.json").write_text(json.dumps(self._ids))

    def _classes_of(self, record: Record) -> list[int]:
        index_of = self.labels.index_of
        if record.source_category is not None:
            found = [record.source_category]
        else:
            found = [item.source_category for item in record.annotations or record.segments]
        return [index_of.get(one, -1) for one in found]


def _size(record: Record) -> tuple[int, int] | None:
    """Return the image's size; looked up only where shapes need it and the source is silent."""
    if record.size_hw is not None or not record.annotations:
        return record.size_hw
    try:
        return header_size(record.image)
    except (DataError, OSError):
        return None


def _unreadable(split: str, index: int) -> Record:
    name = f"{split}, record {index}"
    return Record(name, ImageRef(name=f"{name} (can't be read)"))
