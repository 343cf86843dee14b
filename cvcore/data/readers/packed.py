"""A split of very many records, each kept as bytes.

A list of a million annotation objects is slow to send to worker processes, and each forked worker
slowly copies it all (reading an object writes its reference count). One byte string does neither.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cvcore.data.records import Category, Record


@dataclass(frozen=True, slots=True)
class SourceFault:
    """Something in an annotation file that no record can hold, for the contract's report.

    Attributes:
        file: the annotation file.
        annotation_id: the source's id of the faulty annotation.
        field: the key at fault.
        value: what it holds.
        rule: what is demanded, e.g. "image_id must be the id of a listed image".
        fix: what to do about it.
    """

    file: Path
    annotation_id: int | str
    field: str
    value: object
    rule: str
    fix: str


@dataclass(frozen=True, eq=False)
class PackedSplit:
    """A `Split` whose records are unpacked one by one.

    Attributes:
        faults: annotations that were left out, or lost a field, because no record can hold them.
    """

    name: str
    categories: Sequence[Category]
    packed: bytes
    ends: NDArray[np.int64]
    files: Sequence[Path] = ()
    faults: Sequence[SourceFault] = ()

    def __len__(self) -> int:
        return len(self.ends)

    def __getitem__(self, index: int) -> Record:
        index = range(len(self.ends))[index]
        start = int(self.ends[index - 1]) if index else 0
        # Only ever what `pack` wrote in this process or its parent.
        return pickle.loads(memoryview(self.packed)[start : int(self.ends[index])])  # noqa: S301


def pack(
    name: str,
    categories: Sequence[Category],
    records: Iterable[Record],
    files: Sequence[Path] = (),
    faults: Sequence[SourceFault] = (),
) -> PackedSplit:
    """Return a split of `records`, consumed one by one."""
    packed = bytearray()
    ends = []
    for record in records:
        packed += pickle.dumps(record, protocol=5)
        ends.append(len(packed))
    return PackedSplit(
        name,
        tuple(categories),
        bytes(packed),
        np.asarray(ends, np.int64),
        tuple(files),
        tuple(faults),
    )
