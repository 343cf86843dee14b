"""The one label space: source category id <-> name <-> contiguous index <-> colour.

Computed once over all splits, hashed, and carried by run, checkpoint (`id2label`), signature and
endpoint (DESIGN.md, promise 5). Torch-free.
"""

from __future__ import annotations

import colorsys
import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from cvcore.data.records import Category
from cvcore.errors import DataError, ModelError


@dataclass(frozen=True, slots=True)
class Label:
    """One class.

    Attributes:
        index: what the model predicts: 0 to the number of classes - 1.
        source_id: what the data set says.
        name: for people; unique in its label space.
        color: RGB, each 0..255.
        isthing: whether its objects can be counted (COCO panoptic); else it is stuff.
    """

    index: int
    source_id: int | str
    name: str
    color: tuple[int, int, int]
    isthing: bool = True


@dataclass(frozen=True)
class LabelSpace:
    """All classes of a data set in index order.

    Attributes:
        labels: the classes; `labels[k].index == k`.
    """

    labels: tuple[Label, ...]

    @classmethod
    def over(cls, splits: Iterable[Sequence[Category]]) -> LabelSpace:
        """Return the label space of several splits' categories.

        Classes are the union over the splits, ordered by source id (numbers before names), so
        that neither the order in a file nor a class missing in one split moves an index.

        Raises:
            DataError: one id has two names, or one name two ids, or there is no class at all.
        """
        by_id: dict[int | str, Category] = {}
        id_of_name: dict[str, int | str] = {}
        for categories in splits:
            for category in categories:
                known = by_id.setdefault(category.source_id, category)
                if known.name != category.name:
                    raise DataError(
                        f"category id {category.source_id!r} is called {known.name!r} in one place "
                        f"and {category.name!r} in another. One id has one name in all splits: "
                        "rename it in the annotation file."
                    )
                other = id_of_name.setdefault(category.name, category.source_id)
                if other != category.source_id:
                    raise DataError(
                        f"category {category.name!r} has the ids {other!r} and "
                        f"{category.source_id!r}. One name has one id in all splits: merge the "
                        "two ids or rename one."
                    )
        if not by_id:
            raise DataError(
                "the data set declares no class. Add categories to the annotation file, or one "
                "folder per class."
            )
        ordered = sorted(by_id.values(), key=lambda c: (isinstance(c.source_id, str), c.source_id))
        return cls(
            tuple(
                Label(i, c.source_id, c.name, c.color or palette_color(i), c.isthing)
                for i, c in enumerate(ordered)
            )
        )

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def index_of(self) -> dict[int | str, int]:
        """Contiguous index of each source id."""
        return {label.source_id: label.index for label in self.labels}

    @property
    def names(self) -> list[str]:
        """Class names in index order."""
        return [label.name for label in self.labels]

    @property
    def id2label(self) -> dict[int, str]:
        """HF's `config.id2label`."""
        return {label.index: label.name for label in self.labels}

    @property
    def label2id(self) -> dict[str, int]:
        """HF's `config.label2id`."""
        return {label.name: label.index for label in self.labels}

    @property
    def hash(self) -> str:
        """16 hex digits over ids, names, order and thing/stuff (colours may change)."""
        rows = [[x.index, x.source_id, x.name, x.isthing] for x in self.labels]
        return hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:16]

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able form; `from_dict` is its inverse."""
        return {"hash": self.hash, "labels": [asdict(label) for label in self.labels]}

    @classmethod
    def from_dict(cls, value: dict[str, Any]) -> LabelSpace:
        """Return the label space that `to_dict` wrote."""
        rows = [dict(row, color=tuple(row["color"])) for row in value["labels"]]
        return cls(tuple(Label(**row) for row in rows))

    def save(self, path: Path) -> None:
        """Write `to_dict` as JSON."""
        path.write_text(json.dumps(self.to_dict(), indent=1))

    @classmethod
    def load(cls, path: Path) -> LabelSpace:
        """Read what `save` wrote."""
        return cls.from_dict(json.loads(path.read_text()))

    def require_same(self, other: LabelSpace, what: str) -> None:
        """Raise ModelError when `other` (of `what`, e.g. a checkpoint) is another label space."""
        if self.hash == other.hash:
            return
        mine, theirs = set(self.names), set(other.names)
        difference = (
            f"missing there: {sorted(mine - theirs)[:5]}; only there: {sorted(theirs - mine)[:5]}"
            if mine != theirs
            else "same names with other ids or another order"
        )
        raise ModelError(
            f"{what} has the label space {other.hash} with {len(other)} classes, the data has "
            f"{self.hash} with {len(self)} ({difference}). Use the data it was trained on, or "
            "start a new training from that checkpoint with model.checkpoint=."
        )


def palette_color(index: int) -> tuple[int, int, int]:
    """Return a distinct RGB colour for a class index (golden-angle hues)."""
    red, green, blue = colorsys.hsv_to_rgb(index * 0.381966 % 1.0, 0.75, 0.95 - 0.3 * (index % 2))
    return round(red * 255), round(green * 255), round(blue * 255)
