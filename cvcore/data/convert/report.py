"""What an import found, and what a conversion wrote."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cvcore.data.records import Split


@dataclass(frozen=True, slots=True)
class Imported:
    """Splits of another format, and a sentence for each annotation that was left out."""

    splits: Mapping[str, Split]
    faults: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ConvertReport:
    """What a conversion wrote.

    Attributes:
        out: the folder.
        kind: the task it is for.
        num_images: images of each split.
        num_annotations: objects, segments or masks of each split.
        classes: names in index order.
        overrides: what makes a run use it, e.g. ("data=coco", "data.root=/data/cats").
        faults: a sentence for each annotation that was left out.
    """

    out: Path
    kind: str
    num_images: Mapping[str, int]
    num_annotations: Mapping[str, int]
    classes: tuple[str, ...]
    overrides: tuple[str, ...]
    faults: tuple[str, ...] = ()
