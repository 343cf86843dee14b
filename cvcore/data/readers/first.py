"""The first N records of a split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cvcore.data.records import Category, Record, Split


@dataclass(frozen=True)
class FirstSplit:
    """The first `count` records of `split`; categories and files stay the whole split's."""

    split: Split
    count: int

    @property
    def name(self) -> str:
        """The split's name."""
        return self.split.name

    @property
    def categories(self) -> Sequence[Category]:
        """What the whole split declares."""
        return self.split.categories

    @property
    def files(self) -> Sequence[Path]:
        """Annotation files read."""
        return self.split.files

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Record:
        return self.split[range(self.count)[index]]
