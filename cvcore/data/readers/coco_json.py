"""Reading a COCO JSON file: what detection, instances and panoptic have in common."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeGuard

from cvcore.data.records import Category, Rle
from cvcore.errors import DataError, did_you_mean


def load_json(path: Path) -> Any:
    """Return the content of a JSON file.

    Raises:
        DataError: unreadable, empty, or no JSON; with line and column.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(
            f"{path} can't be read ({error.strerror}). Check its permissions."
        ) from error
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} is not UTF-8 text (byte {error.start}). Save it as UTF-8."
        ) from error
    if not text.strip():
        raise DataError(f"{path} is empty. Export it again.")
    if text.startswith("version https://git-lfs"):
        raise DataError(f"{path} is a Git LFS pointer, not the data. Run `git lfs pull` there.")
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise DataError(
            f"{path} is not valid JSON: {error.msg} at line {error.lineno}, column {error.colno}. "
            "Correct it there, or export it again."
        ) from error


def load_coco(path: Path) -> dict[str, Any]:
    """Return a COCO file's object, its three lists checked to be lists of objects.

    Raises:
        DataError: no JSON, or a list is missing or of the wrong type.
    """
    content = load_json(path)
    if not isinstance(content, dict):
        raise DataError(
            f"{path} holds a JSON {type(content).__name__}, not a COCO object. It must be "
            '{"images": [...], "annotations": [...], "categories": [...]}.'
        )
    for key in ("images", "annotations", "categories"):
        rows = content.get(key)
        if key == "annotations" and rows is None:
            content[key] = []  # a test split without truth
        elif not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise DataError(
                f"{path} has no list of objects under {key!r}. A COCO file has the lists images, "
                f"annotations and categories.{did_you_mean(key, content)}"
            )
    return content


def categories_of(content: dict[str, Any], path: Path) -> list[Category]:
    """Return the declared categories, each once.

    Raises:
        DataError: a category without id or name, or an id with two names.
    """
    found: dict[int | str, Category] = {}
    for position, row in enumerate(content["categories"]):
        source_id, name = row.get("id"), row.get("name")
        if not is_id(source_id) or not isinstance(name, str) or not name:
            raise DataError(
                f"{path}: categories[{position}] has id {source_id!r} and name {name!r}. Each "
                "category needs an id (a whole number or text) and a name."
            )
        color = row.get("color")
        known = found.setdefault(
            source_id,
            Category(
                source_id,
                name,
                isthing=bool(row.get("isthing", 1)),
                color=tuple(color) if isinstance(color, list) and len(color) == 3 else None,
            ),
        )
        if known.name != name:
            raise DataError(
                f"{path}: category id {source_id!r} is called {known.name!r} and {name!r}. Give "
                "each name its own id."
            )
    return list(found.values())


def images_of(content: dict[str, Any], path: Path) -> Iterator[dict[str, Any]]:
    """Yield the image rows.

    Raises:
        DataError: an image without id or file_name, or an id used twice.
    """
    seen: dict[int | str, str] = {}
    for position, row in enumerate(content["images"]):
        image_id, name = row.get("id"), row.get("file_name")
        if not is_id(image_id) or not isinstance(name, str) or not name:
            raise DataError(
                f"{path}: images[{position}] has id {image_id!r} and file_name {name!r}. Each "
                "image needs an id (a whole number or text) and a file_name."
            )
        if image_id in seen:
            raise DataError(
                f"{path}: image id {image_id!r} belongs to {seen[image_id]!r} and to {name!r}. "
                "Give each image its own id."
            )
        seen[image_id] = name
        yield row


def declared_size(row: dict[str, Any]) -> tuple[int, int] | None:
    """Return an image row's (height, width) in pixels, or None where it gives none."""
    height, width = row.get("height"), row.get("width")
    if isinstance(height, int) and isinstance(width, int) and height > 0 and width > 0:
        return height, width
    return None


def segmentation_of(value: Any) -> tuple[list[list[float]] | Rle | None, bool]:
    """Return polygons or RLE, and whether the value was of either form (none at all is fine)."""
    if value is None or value == []:
        return None, True
    if isinstance(value, Mapping):
        size, counts = value.get("size"), value.get("counts")
        if are_numbers(size, 2) and isinstance(counts, str | bytes | list):
            return Rle(size=[int(v) for v in size], counts=counts), True
        return None, False
    if not isinstance(value, list):
        return None, False
    polygons = [value] if are_numbers(value, len(value)) else value
    if all(isinstance(p, list) and are_numbers(p, len(p)) for p in polygons):
        return polygons, True
    return None, False


def is_id(value: object) -> bool:
    """Return whether a value may be an id: a whole number or a text."""
    return isinstance(value, int | str) and not isinstance(value, bool)


def box_of(row: dict[str, Any]) -> tuple[float, float, float, float] | None:
    """Return a row's bbox (left, top, width, height), or None if it is not four numbers."""
    bbox = row.get("bbox")
    if not are_numbers(bbox, 4):
        return None
    left, top, width, height = (float(v) for v in bbox)
    return left, top, width, height


def are_numbers(value: Any, count: int) -> TypeGuard[list[float]]:
    """Return whether a value is a list of `count` numbers."""
    return (
        isinstance(value, list)
        and len(value) == count
        and all(isinstance(v, int | float) and not isinstance(v, bool) for v in value)
    )
