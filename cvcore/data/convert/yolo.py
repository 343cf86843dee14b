"""YOLO: a data.yaml and one text file of boxes or polygons per image.

Each line is `class cx cy w h` or `class x1 y1 x2 y2 x3 y3 ...`, in fractions of the upright image.
Labels lie where images/ in the image's path is replaced by labels/, or beside the image. An image
without a label file is background. Source: Ultralytics docs, "Object detection / Instance segmentation
datasets overview".
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from cvcore.data.convert.report import Imported
from cvcore.data.images import header_size
from cvcore.data.places import Inside, require_file
from cvcore.data.readers.files import image_files
from cvcore.data.records import Annotation, Category, ImageRef, ListSplit, Record, Split
from cvcore.errors import DataError

_SPLITS = {"train": ("train",), "val": ("val", "valid", "validation"), "test": ("test",)}


def read_yolo(root: Path, kind: str) -> Imported:
    """Return the splits of a YOLO data set.

    Args:
        root: folder of data.yaml (or of the only other YAML file).
        kind: detection (the box of a polygon is taken) or instance_segmentation (polygons only).

    Raises:
        DataError: no data.yaml, no class names, a split that is not there, an image that can't be
            read, or a place outside `root`.
    """
    path = _yaml_file(root)
    content = _load(path)
    categories = _categories(content, path)
    ids = {category.source_id for category in categories}
    faults: list[str] = []
    splits: dict[str, Split] = {}
    for name, keys in _SPLITS.items():
        places = next((content[key] for key in keys if content.get(key)), None)
        if places is None:
            continue
        images = _images(places, content.get("path"), root, path)
        records = [
            _record(image, number, kind, ids, faults)
            for number, image in enumerate(images, start=1)
        ]
        splits[name] = ListSplit(name, categories, records, [path])
    if not splits:
        raise DataError(f"{path} names no split. It needs train: and val:, folders of images.")
    return Imported(splits, tuple(faults))


def _yaml_file(root: Path) -> Path:
    others = sorted([*root.glob("*.yaml"), *root.glob("*.yml")])
    named = [p for p in others if p.stem == "data"] or others
    return named[0] if len(named) == 1 else require_file(root / "data.yaml", "YOLO's data.yaml")


def _load(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise DataError(f"{path} is not valid YAML: {error}. Correct it.") from error
    if not isinstance(content, dict):
        raise DataError(f"{path} must hold train:, val: and names:; it holds {content!r}.")
    return content


def _categories(content: dict[str, Any], path: Path) -> list[Category]:
    names = content.get("names")
    rows = dict(enumerate(names)) if isinstance(names, list) else names
    if not isinstance(rows, dict) or not rows or not all(isinstance(k, int) for k in rows):
        raise DataError(f"{path} needs names:, a list of class names or {{0: name, ...}}.")
    return [Category(number, str(name)) for number, name in sorted(rows.items())]


def _images(places: Any, base: Any, root: Path, source: Path) -> list[Path]:
    """Return the images of a split: folders of images, or text files that list them."""
    found: list[Path] = []
    for place in places if isinstance(places, list) else [places]:
        at = _place(str(place), base, root, source)
        if at.is_dir():
            found += image_files(at)
        else:
            within = Inside(at.parent, root, at)
            lines = [line.strip() for line in at.read_text().splitlines()]
            found += [within.find(line) for line in lines if line]
    return found


def _place(place: str, base: Any, root: Path, source: Path) -> Path:
    """Return the folder or list of a split.

    `path` in data.yaml is often that of another machine, and exporters write ../train/images for
    train/images, so the place is also looked for in `root` itself.
    """
    starts = [root / str(base), root] if base else [root]
    names = [place, place.removeprefix("../")]
    for name in names:
        for start in starts:
            if (start / name).exists():
                return Inside(start, root, source).find(name)
    raise DataError(
        f"{source} names {place!r}, which is not in {root}. Correct it to a folder of images, "
        "relative to data.yaml."
    )


def _record(image: Path, number: int, kind: str, ids: set[int | str], faults: list[str]) -> Record:
    size_hw = header_size(ImageRef(image))
    path = _label_file(image)
    lines = path.read_text(errors="replace").splitlines() if path.is_file() else []
    annotations = []
    for row, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            annotations.append(_annotation(line.split(), row, size_hw, kind, ids))
        except ValueError as error:
            faults.append(f"{path}, line {row}: {error}; it was left out.")
    return Record(number, ImageRef(image), size_hw, tuple(annotations))


def _label_file(image: Path) -> Path:
    parts = list(image.with_suffix(".txt").parts)
    if "images" in parts:
        last = len(parts) - 1 - parts[::-1].index("images")
        labels = Path(*parts[:last], "labels", *parts[last + 1 :])
        if labels.is_file():
            return labels
    return image.with_suffix(".txt")


def _annotation(
    words: list[str], row: int, size_hw: tuple[int, int], kind: str, ids: set[int | str]
) -> Annotation:
    """Return the object of a line. Raises ValueError in words."""
    category, values = int(words[0]), [float(word) for word in words[1:]]
    if category not in ids:
        raise ValueError(f"class {category} has no name in data.yaml")
    height, width = size_hw
    if len(values) == 4:
        if kind == "instance_segmentation":
            raise ValueError("it is a box; instance segmentation needs a polygon")
        cx, cy, w, h = values
        bbox = ((cx - w / 2) * width, (cy - h / 2) * height, w * width, h * height)
        return Annotation(row, category, bbox, area=bbox[2] * bbox[3])
    if len(values) < 6 or len(values) % 2:
        raise ValueError(
            f"a box has 4 numbers and a polygon 6 or more, in pairs; got {len(values)}"
        )
    xs, ys = [x * width for x in values[::2]], [y * height for y in values[1::2]]
    bbox = (min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys))
    if kind == "detection":
        return Annotation(row, category, bbox, area=bbox[2] * bbox[3])
    polygon = [value for point in zip(xs, ys, strict=True) for value in point]
    return Annotation(row, category, bbox, [polygon])
