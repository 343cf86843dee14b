"""Hard images: those a model was least sure of, or unlike its training, as a data set with pre-labels.

A person corrects the labels; then it is the data of the next run, in the standard layout of its task.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cvcore.config.overrides import select
from cvcore.data import convert
from cvcore.data.labels import LabelSpace
from cvcore.data.records import Category, ImageRef, ListSplit
from cvcore.monitor.reference import Reference
from launch.errors import LaunchError
from launch.monitor.prelabels import WITH_MASKS, prelabelled
from launch.monitor.record import Record
from launch.monitor.store import Store

_NOTHING = 0.5
"""Hardness of an image in which nothing was found."""

_UNLIKE = 0.2
"""Added for each feature outside of all training images, of at most three."""

_MOST_UNLIKE = 3
_VAL_EVERY = 5
_NO_MASKS = " Those without masks don't count; an older version kept none."


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
    """Return the hardest images that have a picture with something in it, the hardest first.

    Args:
        records: of one version.
        reference: of its training; None: scores alone decide.
        most: how many.
    """
    # One colour, as what `deploy` asks with: there is nothing to label.
    shown = (one for one in records if all(one.picture_hw) and one.features.get("contrast") != 0)
    found = [_hard(one, reference) for one in shown]
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
        LaunchError: there are too few images.
        DataError: the folder is not empty or can't be written.
    """
    taken = [one for one in hard if store.picture(one.record.key) is not None]
    if kind in WITH_MASKS:
        taken = [one for one in taken if _has_masks(one.record)]
    if len(taken) < 2:
        raise LaunchError(
            f"{len(taken)} recorded picture{'s' if len(taken) != 1 else ''} can't be a data set: at least "
            "two are needed, one to train and one to validate. Ask the endpoint about more: it keeps "
            "monitoring.record_per_s of them a second."
            + (_NO_MASKS if len(taken) < len(hard) and kind in WITH_MASKS else "")
        )
    if kind == "semantic_segmentation" and not all(
        isinstance(i.source_id, int) for i in labels.labels
    ):
        # Pixels are numbers.
        labels = LabelSpace.over(
            [[Category(one.index, one.name, one.isthing) for one in labels.labels]]
        )
    categories = [Category(one.source_id, one.name, one.isthing) for one in labels.labels]
    splits = {
        name: ListSplit(
            name,
            categories,
            [
                prelabelled(
                    one.record, number, ImageRef(store.picture(one.record.key)), labels, kind
                )
                for number, one in enumerate(taken, start=1)
                if _split(number - 1, len(taken)) == name
            ],
        )
        for name in ("train", "val")
    }
    if kind == "classification":
        # Classes are folders.
        names = ((one.source_id, one.name.replace("/", "_")) for one in labels.labels)
        labels = LabelSpace.over([[Category(*one) for one in names]])
    written = convert.export(splits, labels, folder, kind)
    count = sum(written.num_annotations.values())
    _write_why(taken, folder)
    return Exported(folder, len(taken), count, (select("task", kind), *written.overrides))


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


def _has_masks(record: Record) -> bool:
    return all(one.mask is not None for one in record.said)


def _write_why(hard: Sequence[Hard], folder: Path) -> None:
    """Say of each picture why it is here: whoever corrects begins with the worst."""
    with (folder / "why.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("image", "hardness", "why"))
        rows.writerows((f"{one.record.key}.jpg", one.hardness, one.why) for one in hard)
