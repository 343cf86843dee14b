"""The built-in data set: reader `digits`, drawn once and kept on disk. Torch-free.

Each `<cache_dir>/digits-<hash>` is in the standard format of its task (see
`cvcore.data.digit_files`) and is read by that format's reader; any other tool can open it too.
`digits.json`, number and size of its files, is written last: a folder that does not agree with it
is drawn again.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from pathlib import Path

from cvcore.config.schema import DigitsConf, SemanticMasksConf
from cvcore.data.digit_files import THINGS, WRITERS
from cvcore.data.places import localise
from cvcore.data.readers import coco, coco_panoptic, semantic_masks
from cvcore.data.records import SPLITS, ImageRef, ListSplit, Record, Split
from cvcore.errors import DataError

VERSION = 1
"""Of the drawing code; a change of any pixel raises it, so that an old cache is not used."""

INVENTORY = "digits.json"


def open_digits(conf: DigitsConf, kind: str) -> dict[str, Split]:
    """Return the splits train, val and test of digit scenes (of digit crops for classification).

    Semantic and panoptic records have three texture classes beside the ten digits. The first call
    draws the pictures (a few seconds), later ones read `conf.cache_dir`.

    Raises:
        DataError: the cache folder can't be written.
    """
    folder = _cached(conf, kind)
    if kind == "semantic_segmentation":
        layout = SemanticMasksConf(test_images="images/test", test_masks="masks/test")
        return semantic_masks.open_reader(layout, kind, folder)
    return {split: _read_split(folder, split, kind) for split in SPLITS}


def _read_split(folder: Path, split: str, kind: str) -> Split:
    if kind == "classification":
        return _read_crops(folder, split)
    images = folder / "images" / split
    if kind == "panoptic_segmentation":
        file, pngs = folder / f"panoptic_{split}.json", folder / "panoptic" / split
        return coco_panoptic.read_split(split, kind, folder, file, images, pngs)
    return coco.read_split(split, kind, folder, folder / f"instances_{split}.json", images)


def _read_crops(folder: Path, split: str) -> Split:
    """Return the crops in the order they were drawn: the first N are of all digits."""
    files = sorted((folder / split).glob("*/*.png"), key=lambda file: file.name)
    records = [
        Record(int(file.stem), ImageRef(file), source_category=int(file.parent.name))
        for file in files
    ]
    return ListSplit(split, THINGS, records)


def _cached(conf: DigitsConf, kind: str) -> Path:
    """Return the folder of these parameters; draw it first if it is missing or not whole."""
    write = WRITERS[kind]
    parameters = [
        write.__name__,
        VERSION,
        [conf.num_train, conf.num_val, conf.num_test],
        [conf.scene_size, conf.max_digits, conf.data_seed],
    ]
    digest = hashlib.sha256(json.dumps(parameters).encode()).hexdigest()[:12]
    cache = localise(conf.cache_dir)
    folder = cache / f"digits-{digest}"
    if _is_whole(folder):
        return folder
    try:
        cache.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=cache))
        try:
            write(draft, conf)
            (draft / INVENTORY).write_text(json.dumps(_inventory(draft)))
            _publish(draft, folder)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    except OSError as error:
        raise DataError(
            f"the digit scenes can't be written to {cache}: {error.strerror or error}. Make room "
            "there, or choose another folder with data.cache_dir=."
        ) from error
    return folder


def _publish(draft: Path, folder: Path) -> None:
    """Move a finished draft to its place; another process may have been quicker."""
    try:
        draft.rename(folder)
    except OSError:
        if _is_whole(folder):
            return
        broken = Path(tempfile.mkdtemp(prefix=f".{folder.name}-broken-", dir=folder.parent))
        folder.rename(broken / "was")
        draft.rename(folder)
        shutil.rmtree(broken, ignore_errors=True)


def _inventory(folder: Path) -> dict[str, int]:
    """Return number and total bytes of the files below, the inventory's own file left out."""
    sizes = [
        (Path(parent) / file).stat().st_size
        for parent, _, files in os.walk(folder)
        for file in files
        if file != INVENTORY
    ]
    return {"num_files": len(sizes), "num_bytes": sum(sizes)}


def _is_whole(folder: Path) -> bool:
    try:
        expected = json.loads((folder / INVENTORY).read_text())
    except (OSError, ValueError):
        return False
    return bool(expected == _inventory(folder))
