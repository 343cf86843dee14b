"""Images and masks of class ids in two folders, paired by their paths without extension."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from cvcore.config.schema import DataConf, SemanticMasksConf
from cvcore.data.images import decode_mask
from cvcore.data.places import require_file, require_folder
from cvcore.data.readers.coco_json import load_json
from cvcore.data.readers.files import IMAGE_SUFFIXES, image_files
from cvcore.data.readers.packed import PackedSplit, pack
from cvcore.data.records import SPLITS, Category, ImageRef, Record, Split
from cvcore.errors import DataError

_LOSSLESS = IMAGE_SUFFIXES - {".jpg", ".jpeg"}


def open_reader(conf: DataConf, _kind: str, root: Path) -> dict[str, Split]:
    """Return the splits that `conf` names. See `cvcore.data.readers`."""
    assert isinstance(conf, SemanticMasksConf)
    pairs = {
        name: _pairs(
            require_folder(root / images, f"data.{name}_images"),
            require_folder(root / masks, f"data.{name}_masks"),
        )
        for name in SPLITS
        if (images := getattr(conf, f"{name}_images")) is not None
        and (masks := getattr(conf, f"{name}_masks")) is not None
    }
    if conf.classes is not None:
        path = require_file(
            root / conf.classes, "data.classes (null: the masks' own numbers are the classes)"
        )
        files, categories = [path], read_classes(path)
    else:
        files, categories = [], _used_classes(pairs.values(), conf.ignore_value)
    return {
        name: _split(name, found, categories, files, conf.ignore_value)
        for name, found in pairs.items()
    }


def read_classes(path: Path) -> list[Category]:
    """Return the classes of a JSON {id: name} or list of names (the position is the id).

    Raises:
        DataError: the file has another form.
    """
    content = load_json(path)
    rows = dict(enumerate(content)) if isinstance(content, list) else content
    if not isinstance(rows, dict) or not rows:
        raise DataError(f'{path} must hold classes as {{"0": "road", "1": "sky", ...}} or a list.')
    try:
        return [Category(int(key), str(name)) for key, name in rows.items()]
    except ValueError as error:
        raise DataError(
            f"{path}: class ids must be whole numbers, the masks' values ({error}). Write "
            '{"0": "road", "1": "sky", ...}.'
        ) from error


_Pair = tuple[str, Path, Path | None]


def _pairs(images: Path, masks: Path) -> list[_Pair]:
    """Return (image id, image, mask or None) of each image; the id is its path below `images`."""
    mask_of = {_stem(p, masks): p for p in image_files(masks, _LOSSLESS)}
    found: dict[Path, _Pair] = {}
    for path in image_files(images):
        stem = _stem(path, images)
        if stem in found:
            raise DataError(
                f"{path} and {found[stem][1]} have the same name but for the extension, so their "
                "mask is not known. Rename one."
            )
        found[stem] = (path.relative_to(images).as_posix(), path, mask_of.get(stem))
    if found and not any(mask for _, _, mask in found.values()):
        example = next(iter(found))
        raise DataError(
            f"no image of {images} has a mask in {masks}: for {example} there is no "
            f"{masks / example}.png. A mask has its image's name and is a lossless file (PNG, "
            "TIFF ...; JPEG changes class ids)."
        )
    return list(found.values())


def _stem(path: Path, folder: Path) -> Path:
    return path.relative_to(folder).with_suffix("")


def _split(
    name: str,
    pairs: list[_Pair],
    categories: Sequence[Category],
    files: Sequence[Path],
    ignore_value: int,
) -> PackedSplit:
    records = (
        Record(
            image_id,
            ImageRef(image),
            mask=ImageRef(mask) if mask is not None else None,
            ignore_value=ignore_value,
        )
        for image_id, image, mask in pairs
    )
    return pack(name, categories, records, files)


def _used_classes(splits: Iterable[list[_Pair]], ignore_value: int) -> list[Category]:
    """Return a class for each value in any mask (reads them all)."""
    used: set[int] = set()
    for pairs in splits:
        for _, _, mask in pairs:
            if mask is not None:
                used.update(np.unique(decode_mask(ImageRef(mask))).tolist())
    return [Category(value, str(value)) for value in sorted(used - {ignore_value})]
