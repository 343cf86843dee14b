"""A few records of a split, evenly spread over it. Torch-free."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cvcore.data.records import Category, Record, Split


@dataclass(frozen=True)
class SpreadSplit:
    """`count` records of a longer split, from its first to its last."""

    whole: Split
    count: int

    @property
    def name(self) -> str:
        """One of train, val, test."""
        return self.whole.name

    @property
    def categories(self) -> Sequence[Category]:
        """What the whole split declares."""
        return self.whole.categories

    @property
    def files(self) -> Sequence[Path]:
        """Annotation files read."""
        return self.whole.files

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Record:
        if not 0 <= index < self.count:
            raise IndexError(index)
        return self.whole[index * (len(self.whole) - 1) // max(self.count - 1, 1)]


def spread(split: Split, count: int) -> Split:
    """Return `count` records of a split, evenly spread; the split itself if it is not longer."""
    return split if len(split) <= count else SpreadSplit(split, count)
