"""What every metric keeps of the images it has seen: a few compact rows per image.

Letters: I = images, R = rows of all images.
A metric reduces each image to rows of structured arrays (a detection's score and match bits, a
class's pixel counts ...), so memory does not grow with pixels. Rows are always read in the order
of image ids, which makes every figure independent of the order of batches and of ranks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

ImageId = int | str

_PIECES_PER_CHUNK = 256
"""Rows of this many images are joined into one array: thousands of tiny arrays cost memory."""


def id_order(image_id: ImageId) -> tuple[bool, ImageId]:
    """Return the sort key of image ids: numbers before texts, each in their own order."""
    return isinstance(image_id, str), image_id


@dataclass(frozen=True)
class OrderedRows:
    """Rows of one column group, sorted by image id.

    Attributes:
        rows_R: structured [R].
        image_R: int64 [R], position of each row's image in the sorted ids.
        counts_I: int64 [I], rows of each image.
    """

    rows_R: NDArray[Any]
    image_R: NDArray[np.int64]
    counts_I: NDArray[np.int64]

    def __getitem__(self, column: str) -> NDArray[Any]:
        return self.rows_R[column]


class ImageTable:
    """Rows per image in one or more named groups, each with its own dtype."""

    def __init__(self, dtypes: Mapping[str, DTypeLike]) -> None:
        self._ids: list[ImageId] = []
        self._seen: set[ImageId] = set()
        self._groups = {group: _Rows(np.dtype(dtype)) for group, dtype in dtypes.items()}

    def __len__(self) -> int:
        return len(self._ids)

    def __contains__(self, image_id: ImageId) -> bool:
        return image_id in self._seen

    @property
    def nbytes(self) -> int:
        """Memory of the rows, bytes."""
        return sum(rows.nbytes for rows in self._groups.values())

    def add(self, image_id: ImageId, **rows: NDArray[Any]) -> None:
        """Take the rows of one image that is not in the table yet."""
        self._ids.append(image_id)
        self._seen.add(image_id)
        for group, values in rows.items():
            self._groups[group].append(values)

    def state(self) -> dict[str, Any]:
        """Return ids and rows, picklable."""
        groups = {group: (rows.counts(), rows.joined()) for group, rows in self._groups.items()}
        return {"ids": list(self._ids), "groups": groups}

    def merge(self, state: Mapping[str, Any]) -> None:
        """Take in another table's `state()`; images already here are left as they are."""
        new_I = np.array([image_id not in self._seen for image_id in state["ids"]], bool)
        added = [image_id for image_id in state["ids"] if image_id not in self._seen]
        self._ids += added
        self._seen.update(added)
        for group, (counts_I, rows_R) in state["groups"].items():
            self._groups[group].extend(counts_I[new_I], rows_R[np.repeat(new_I, counts_I)])

    def ids(self) -> list[ImageId]:
        """Return the image ids in the order of all figures."""
        return sorted(self._ids, key=id_order)

    def ordered(self, group: str) -> OrderedRows:
        """Return a group's rows sorted by image id; within an image as they were added."""
        order_I = np.array(
            sorted(range(len(self._ids)), key=lambda i: id_order(self._ids[i])), np.int64
        )
        counts_I = self._groups[group].counts()
        starts_I = np.cumsum(counts_I) - counts_I
        sorted_counts_I = counts_I[order_I]
        sorted_starts_I = np.cumsum(sorted_counts_I) - sorted_counts_I
        shift_R = np.repeat(starts_I[order_I] - sorted_starts_I, sorted_counts_I)
        return OrderedRows(
            rows_R=self._groups[group].joined()[np.arange(len(shift_R)) + shift_R],
            image_R=np.repeat(np.arange(len(order_I)), sorted_counts_I),
            counts_I=sorted_counts_I,
        )


class _Rows:
    """A growing structured array with the number of rows of each image."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self._empty = np.empty(0, dtype)
        self._chunks: list[NDArray[Any]] = []
        self._pieces: list[NDArray[Any]] = []
        self._counts: list[int] = []

    @property
    def nbytes(self) -> int:
        return sum(rows.nbytes for rows in (*self._chunks, *self._pieces)) + 8 * len(self._counts)

    def append(self, rows: NDArray[Any]) -> None:
        self._counts.append(len(rows))
        self._pieces.append(rows)
        if len(self._pieces) >= _PIECES_PER_CHUNK:
            self._chunks.append(np.concatenate(self._pieces))
            self._pieces = []

    def extend(self, counts_I: NDArray[np.int64], rows_R: NDArray[Any]) -> None:
        self._chunks = [*self._chunks, *self._pieces, rows_R]
        self._pieces = []
        self._counts += counts_I.tolist()

    def counts(self) -> NDArray[np.int64]:
        return np.array(self._counts, np.int64)

    def joined(self) -> NDArray[Any]:
        self._chunks = [np.concatenate([self._empty, *self._chunks, *self._pieces])]
        self._pieces = []
        return self._chunks[0]
