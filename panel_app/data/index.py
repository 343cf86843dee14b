"""A data set's index, mapped to memory: filters over all images, records of a few. Thread-safe.

Letters: N = images of all splits, one split after the other; M = objects; R = found rows.
"""

from __future__ import annotations

import bisect
import json
import mmap
import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvcore.data.labels import LabelSpace
from cvcore.data.records import Record
from panel_app.data.as_json import from_line
from panel_app.data.store import VERSION


@dataclass(frozen=True)
class Filter:
    """Which images are wanted; an empty field wants all.

    Attributes:
        split: its name.
        classes: indices; an image with any of them is found.
        text: in the file's name, in any case.
        least: objects.
        most: objects; None: any number.
        with_faults: images that break a rule of the contract.
    """

    split: str = ""
    classes: tuple[int, ...] = ()
    text: str = ""
    least: int = 0
    most: int | None = None
    with_faults: bool = False


class Index:
    """The images of a data set.

    Attributes:
        folder: where it lies.
        meta: as `panel_app.data.write_index` wrote it.
        kind: the task.
        labels: the label space.
        stamp: when it was written, for who keeps it.
    """

    def __init__(self, folder: Path) -> None:
        """Map the files.

        Raises:
            OSError, ValueError, KeyError: they are not there, or of another version.
        """
        self.folder = folder
        self.stamp = 0
        self.meta: dict[str, Any] = json.loads((folder / "meta.json").read_text())
        if self.meta["version"] != VERSION:
            raise ValueError("another version")
        self.kind: str = self.meta["kind"]
        self.labels = LabelSpace.from_dict(self.meta["labels"])
        rows = np.load(folder / "rows.npz")
        self.split_N: NDArray[np.uint8] = rows["split_N"]
        self.objects_N: NDArray[np.int32] = rows["objects_N"]
        self._ends_N: NDArray[np.int64] = rows["ends_N"]
        self._name_ends_N: NDArray[np.int64] = rows["name_ends_N"]
        self._classes_M: NDArray[np.int32] = rows["classes_M"]
        self._class_ends_N: NDArray[np.int64] = rows["class_ends_N"]
        self._names = (folder / "names.txt").read_bytes()
        self._lock = threading.Lock()
        with (folder / "records.jsonl").open("rb") as file:
            self._lines = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

    def __len__(self) -> int:
        return len(self.split_N)

    @property
    def splits(self) -> list[str]:
        """Names of the splits."""
        return [part["name"] for part in self.meta["splits"]]

    def count(self, split: str) -> int:
        """Return how many images a split has."""
        return int(next(part["count"] for part in self.meta["splits"] if part["name"] == split))

    @cached_property
    def class_counts(self) -> NDArray[np.int64]:
        """Objects of each class, int64 [K]."""
        known = self._classes_M[self._classes_M >= 0]
        return np.bincount(known, minlength=len(self.labels))

    def record(self, row: int) -> tuple[Record, tuple[int, int] | None]:
        """Return a row's record and its image's (height, width) where known."""
        start = int(self._ends_N[row - 1]) if row else 0
        return from_line(self._lines[start : int(self._ends_N[row])])

    def place(self, row: int) -> tuple[str, int]:
        """Return a row's split and its place there."""
        part = self.meta["splits"][int(self.split_N[row])]
        return part["name"], row - part["start"]

    def row(self, split: str, index: int) -> int | None:
        """Return the row of a split's record; None: there is no such one."""
        for part in self.meta["splits"]:
            if part["name"] == split and 0 <= index < part["count"]:
                return int(part["start"] + index)
        return None

    def find(
        self,
        wanted: Filter,
        faults_N: NDArray[np.int32] | None = None,
        mask_classes: tuple[NDArray[np.int32], NDArray[np.int64]] | None = None,
    ) -> NDArray[np.int32]:
        """Return the rows that a filter finds, int32 [R], in their order.

        Args:
            wanted: what is asked for.
            faults_N: faults of each image, of an inspection.
            mask_classes: classes of each image's mask and where each image's end: (M, N).
        """
        found_N = np.ones(len(self), np.bool_)
        if wanted.split in self.splits:
            found_N &= self.split_N == self.splits.index(wanted.split)
        if wanted.classes:
            classes_M, ends_N = mask_classes or (self._classes_M, self._class_ends_N)
            hits_M = np.flatnonzero(np.isin(classes_M, wanted.classes))
            with_class_N = np.zeros(len(self), np.bool_)
            with_class_N[np.searchsorted(ends_N, hits_M, side="right")] = True
            found_N &= with_class_N
        if wanted.text.strip():
            found_N &= self._named(wanted.text)
        if wanted.least:
            found_N &= self.objects_N >= wanted.least
        if wanted.most is not None:
            found_N &= self.objects_N <= wanted.most
        if wanted.with_faults:
            found_N &= faults_N > 0 if faults_N is not None else False
        return np.flatnonzero(found_N).astype(np.int32)

    def rows_of(self, images: Sequence[tuple[str, int | str]]) -> list[int | None]:
        """Return the rows of (split, image id) pairs."""
        with self._lock:
            known = self._row_of_id
        return [known.get((split, own)) for split, own in images]

    @cached_property
    def _row_of_id(self) -> dict[tuple[str, int | str], int]:
        ids = json.loads((self.folder / "ids.json").read_text())
        starts = [part["start"] for part in self.meta["splits"]]
        names = self.splits
        return {
            (names[bisect.bisect_right(starts, row) - 1], own): row for row, own in enumerate(ids)
        }

    def _named(self, text: str) -> NDArray[np.bool_]:
        """Return which rows' file names hold a text; the names lie one after the other."""
        wanted = text.strip().lower().replace("\n", " ").encode("utf-8", "replace")
        places = [found.start() for found in re.finditer(re.escape(wanted), self._names)]
        named_N = np.zeros(len(self), np.bool_)
        named_N[np.searchsorted(self._name_ends_N, places, side="right")] = True
        return named_N
