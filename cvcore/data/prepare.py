"""From a configuration to data that can be trained on. Torch-free."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cvcore.config.schema import Config
from cvcore.data.contract import apply
from cvcore.data.fingerprint import fingerprint
from cvcore.data.labels import LabelSpace
from cvcore.data.readers import open_splits
from cvcore.data.records import Split
from cvcore.errors import DataError


@dataclass(frozen=True)
class Prepared:
    """A data set ready for a run.

    Attributes:
        splits: train, val and, if there is one, test; what breaks the contract is gone.
        labels: the label space over all splits.
        fingerprint: of everything that decides a figure: changes when the data change.
    """

    splits: dict[str, Split]
    labels: LabelSpace
    fingerprint: str


def prepare(conf: Config, needed: Sequence[str] = ("train", "val")) -> Prepared:
    """Return the splits and the label space of a run.

    Args:
        conf: the run's.
        needed: splits without which nothing can be done.

    Raises:
        DataError: the data set can't be read, lacks a needed split, breaks the contract under
            `data.policy=strict`, or has no image left after its faults were dropped.
    """
    opened = open_splits(conf.data, conf.task.kind)
    labels = LabelSpace.over(split.categories for split in opened.values())
    splits = apply(opened, conf.task.kind, conf.data)
    for name in needed:
        if name not in splits or len(splits[name]) == 0:
            raise DataError(
                f"the data set has no {name} image. Set data.{name} to a place that holds some; "
                "`lakesight data inspect` says what is there and what was left out."
            )
    return Prepared(splits, labels, fingerprint(splits, labels))
