"""One module per data format; `open_splits` opens the one that `data.reader` names.

A reader module has `open_reader(conf, kind, root) -> dict[str, Split]`. It yields what the source
says, faults included: judging is the contract's (`cvcore.data.contract`). It raises DataError only
where there is nothing to judge: no file, no JSON, no split. Torch-free; nothing heavy on import.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path

from cvcore.config.schema import TASKS, DataConf
from cvcore.data.places import localise, require_folder
from cvcore.data.readers.first import FirstSplit
from cvcore.data.records import Split
from cvcore.errors import DataError, did_you_mean


@dataclass(frozen=True, slots=True)
class Reader:
    """Where a reader is and which tasks it serves."""

    module: str
    kinds: tuple[str, ...]


_CLASSIFY, _DETECT, _SEMANTIC, _INSTANCE, _PANOPTIC = TASKS

READERS = {
    "digits": Reader("cvcore.data.digits", TASKS),
    "image_folder": Reader("cvcore.data.readers.image_folder", (_CLASSIFY,)),
    "coco": Reader("cvcore.data.readers.coco", (_DETECT, _INSTANCE)),
    "coco_panoptic": Reader(
        "cvcore.data.readers.coco_panoptic", (_PANOPTIC, _INSTANCE, _DETECT, _SEMANTIC)
    ),
    "semantic_masks": Reader("cvcore.data.readers.semantic_masks", (_SEMANTIC,)),
    "delta_table": Reader(
        "cvcore.data.readers.delta_table", (_CLASSIFY, _DETECT, _INSTANCE, _SEMANTIC)
    ),
    "hf_dataset": Reader(
        "cvcore.data.readers.hf_dataset", (_CLASSIFY, _DETECT, _INSTANCE, _SEMANTIC)
    ),
}
"""Which task each reader serves: the one table."""


def open_splits(conf: DataConf, kind: str) -> dict[str, Split]:
    """Return the splits of a data set by name: train, val and, if there is one, test.

    Args:
        conf: the group `data`.
        kind: the task, one of `TASKS`.

    Raises:
        DataError: no such reader, a reader that does not serve the task, a missing path, an empty
            split, an annotation file that can't be read.
    """
    reader = READERS.get(conf.reader)
    if reader is None:
        raise DataError(
            f"reader {conf.reader!r} does not exist. Readers: {', '.join(READERS)}. Set "
            f"data.reader to one of them.{did_you_mean(conf.reader, READERS)}"
        )
    if kind not in reader.kinds:
        others = ", ".join(name for name, other in READERS.items() if kind in other.kinds)
        raise DataError(
            f"reader {conf.reader!r} gives data for {', '.join(reader.kinds)}, not for {kind}. "
            f"Choose one of those tasks, or data in one of the formats for {kind}: {others}."
        )
    module = importlib.import_module(reader.module)
    if conf.reader == "digits":
        splits: dict[str, Split] = module.open_digits(conf, kind)
    else:
        splits = module.open_reader(conf, kind, _root(conf))
    for name, split in splits.items():
        if len(split) == 0:
            raise DataError(
                f"split {name!r} of {conf.root or conf.reader} has no image. Check data.{name} "
                "and what that place holds."
            )
    return {name: _limited(split, conf) for name, split in splits.items()}


def _root(conf: DataConf) -> Path:
    if conf.root is None:
        raise DataError(
            f"data.root is not set; reader {conf.reader!r} needs the folder of the data set. Set "
            "data.root=<folder>."
        )
    root = require_folder(localise(conf.root), "data.root")
    if not conf.stage:
        return root
    from cvcore.data.staging import stage

    return stage(root, localise(conf.cache_dir) / "staged")


def _limited(split: Split, conf: DataConf) -> Split:
    limit = conf.max_train_samples if split.name == "train" else conf.max_eval_samples
    return split if limit is None or limit >= len(split) else FirstSplit(split, limit)
