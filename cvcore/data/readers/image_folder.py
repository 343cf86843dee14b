"""One folder per class: root/<split>/<class>/**/*.jpg."""

from __future__ import annotations

from pathlib import Path

from cvcore.config.schema import DataConf, ImageFolderConf
from cvcore.data.places import require_folder
from cvcore.data.readers.files import image_files
from cvcore.data.readers.packed import PackedSplit, pack
from cvcore.data.records import SPLITS, Category, ImageRef, Record, Split
from cvcore.errors import DataError


def open_reader(conf: DataConf, _kind: str, root: Path) -> dict[str, Split]:
    """Return the splits that `conf` names. See `cvcore.data.readers`."""
    assert isinstance(conf, ImageFolderConf)
    return {
        name: read_split(name, require_folder(root / folder, f"data.{name}"))
        for name in SPLITS
        if (folder := getattr(conf, name)) is not None
    }


def read_split(name: str, folder: Path) -> PackedSplit:
    """Return one split: each folder in `folder` is a class, its images at any depth below it.

    A class's id is its folder's name, an image's id its path in `folder`. Hidden files and folders
    and files that are no images by their extension are left out; an empty folder is still a class.

    Raises:
        DataError: images but no folder of a class.
    """
    classes = sorted(p.name for p in folder.iterdir() if p.is_dir() and p.name[0] != ".")
    records = (
        Record(path.relative_to(folder).as_posix(), ImageRef(path), source_category=name_of_class)
        for name_of_class in classes
        for path in image_files(folder / name_of_class)
    )
    split = pack(name, [Category(c, c) for c in classes], records)
    if not split and any(p.parent == folder for p in image_files(folder)):
        raise DataError(
            f"{folder} holds images but no folder of a class. Put each image in a folder named "
            f"after its class: {folder}/<class>/<image>."
        )
    return split
