"""A table with one row per image: from its columns to records and categories."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from cvcore.config.schema import TableConf
from cvcore.data.places import Inside, localise, require_file
from cvcore.data.readers.coco_json import box_of, is_id, segmentation_of
from cvcore.data.readers.semantic_masks import read_classes
from cvcore.data.records import Annotation, Category, ImageRef, Record
from cvcore.errors import DataError, did_you_mean

if TYPE_CHECKING:
    import pyarrow as pa

_CATEGORY_KEYS = ("category", "category_id", "label")
_SEMANTIC = "semantic_segmentation"


class Rows(Protocol):
    """Rows that are read one at a time."""

    def __len__(self) -> int: ...

    def row(self, index: int) -> dict[str, Any]:
        """Return one row by column name."""
        ...


@dataclass(frozen=True, eq=False)
class TableSplit:
    """A `Split` over a table; pickles without its rows' content.

    Attributes:
        rows: the table's rows.
        conf: which column holds what.
        kind: the task.
        root: folder where relative paths in the table start.
        source: the table, for messages.
    """

    name: str
    categories: Sequence[Category]
    files: Sequence[Path]
    rows: Rows
    conf: TableConf
    kind: str
    root: Path
    source: Path

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Record:
        index = range(len(self.rows))[index]
        row, conf = self.rows.row(index), self.conf
        where = f"{self.source}, row {index}"
        height, width = row.get("height"), row.get("width")
        used = (conf.image_column, _target_column(conf, self.kind), conf.id_column)
        annotations: tuple[Annotation, ...] = ()
        if self.kind in ("detection", "instance_segmentation"):
            annotations = tuple(annotations_of(row.get(conf.objects_column), where))
        return Record(
            image_id=index if conf.id_column is None else row[conf.id_column],
            image=self._image(row.get(conf.image_column), where, conf.image_column),
            size_hw=(height, width) if isinstance(height, int) and isinstance(width, int) else None,
            annotations=annotations,
            source_category=row.get(conf.label_column) if self.kind == "classification" else None,
            mask=self._mask(row, where) if self.kind == _SEMANTIC else None,
            ignore_value=conf.ignore_value if self.kind == _SEMANTIC else None,
            metadata={key: value for key, value in row.items() if key not in used},
        )

    def _mask(self, row: dict[str, Any], where: str) -> ImageRef | None:
        column = self.conf.mask_column
        return None if row.get(column) is None else self._image(row[column], where, column)

    def _image(self, value: Any, where: str, column: str) -> ImageRef:
        """Return the image in a cell: bytes, a path, or a struct of both."""
        path = None
        if isinstance(value, Mapping):
            value, path = value.get("bytes"), value.get("path")
        if isinstance(value, bytes | bytearray):
            return ImageRef(data=bytes(value), name=f"{where} ({path})" if path else where)
        path = value if isinstance(value, str) else path
        if not isinstance(path, str) or not path:
            raise DataError(
                f"{where}: column {column!r} holds {value!r}, not an image. It must hold bytes, a "
                "path, or a struct of bytes and path."
            )
        return ImageRef(Inside(self.root, self.root, self.source).find(str(localise(path))))


def columns_of(conf: TableConf, kind: str, schema: pa.Schema, source: Path) -> list[str]:
    """Return the columns to read: those the task needs and the plain ones (metadata, for slices).

    Raises:
        DataError: a column the task needs is not in the table.
    """
    import pyarrow as pa

    needed = [conf.image_column, _target_column(conf, kind)]
    needed += [conf.id_column] if conf.id_column is not None else []
    for key, column in zip(("image", _target_key(kind), "id"), needed, strict=False):
        if column not in schema.names:
            raise DataError(
                f"{source} has no column {column!r}; it has {', '.join(schema.names)}. Set "
                f"data.{key}_column to one of them.{did_you_mean(column, schema.names)}"
            )
    plain = [
        field.name
        for field in schema
        if not (pa.types.is_nested(field.type) or pa.types.is_binary(field.type))
        and not pa.types.is_large_binary(field.type)
    ]
    return [name for name in schema.names if name in needed or name in plain]


def categories_of(
    conf: TableConf,
    kind: str,
    root: Path,
    table: pa.Table,
    features: Mapping[str, Any],
    masks: Iterable[ImageRef | None],
) -> list[Category]:
    """Return the classes of a split: of `data.classes`, else of the schema, else the values used.

    Args:
        conf: which column holds what.
        kind: the task.
        root: folder of the data set.
        table: the rows.
        features: Hugging Face's description of the columns, or nothing.
        masks: the masks, read only if nothing else says the classes.
    """
    if conf.classes is not None:
        return read_classes(require_file(root / conf.classes, "data.classes"))
    column = _target_column(conf, kind)
    names = _class_names(features.get(column))
    if names is not None:
        return [Category(index, name) for index, name in enumerate(names)]
    if kind == _SEMANTIC:
        return _used_in_masks(masks, conf.ignore_value)
    cells = table.column(column)
    used = cells.unique() if kind == "classification" else _object_categories(cells)
    values = {value for value in used.to_pylist() if is_id(value)}
    return [Category(v, str(v)) for v in sorted(values, key=lambda v: (isinstance(v, str), v))]


def annotations_of(cell: Any, where: str) -> list[Annotation]:
    """Return the objects of a cell: a list of structs, or a struct of lists.

    Raises:
        DataError: the cell has another form, or an object has no category.
    """
    if cell is None:
        return []
    if isinstance(cell, Mapping):
        lists = {key: value for key, value in cell.items() if value is not None}
        if len({len(value) for value in lists.values()}) > 1:
            lengths = {key: len(value) for key, value in lists.items()}
            raise DataError(f"{where}: the lists of its objects differ in length: {lengths}.")
        cell = [
            dict(zip(lists, values, strict=True)) for values in zip(*lists.values(), strict=True)
        ]
    return [_annotation(row, position, where) for position, row in enumerate(cell)]


def _annotation(row: dict[str, Any], position: int, where: str) -> Annotation:
    key = next((key for key in _CATEGORY_KEYS if is_id(row.get(key))), None)
    if key is None:
        raise DataError(
            f"{where}: object {position} has no category; it has {', '.join(row)}. Its key must be "
            f"one of {', '.join(_CATEGORY_KEYS)}."
        )
    own_id, area = row.get("id"), row.get("area")
    return Annotation(
        annotation_id=own_id if own_id is not None and is_id(own_id) else position,
        source_category=row[key],
        bbox_xywh=box_of(row),
        segmentation=segmentation_of(row.get("segmentation"))[0],
        area=float(area) if isinstance(area, int | float) else None,
        iscrowd=bool(row.get("iscrowd") or 0),
    )


def _target_key(kind: str) -> str:
    return {"classification": "label", _SEMANTIC: "mask"}.get(kind, "objects")


def _target_column(conf: TableConf, kind: str) -> str:
    column: str = getattr(conf, f"{_target_key(kind)}_column")
    return column


def _class_names(feature: Any) -> list[str] | None:
    """Return the names of the first ClassLabel in a Hugging Face feature, at any depth."""
    if isinstance(feature, Mapping):
        if feature.get("_type") == "ClassLabel" and feature.get("names"):
            return list(feature["names"])
        feature = list(feature.values())
    if isinstance(feature, list):
        return next((names for part in feature if (names := _class_names(part))), None)
    return None


def _object_categories(cells: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the categories of all objects, flat, each once."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_struct(cells.type):
        cells = pc.list_flatten(cells)
    fields = [field.name for field in cells.type]
    key = next((key for key in _CATEGORY_KEYS if key in fields), None)
    if key is None:
        raise DataError(
            f"the objects have {', '.join(fields)}, but no category. Name it one of "
            f"{', '.join(_CATEGORY_KEYS)}."
        )
    values = pc.struct_field(cells, key)
    return (values if not pa.types.is_nested(values.type) else pc.list_flatten(values)).unique()


def _used_in_masks(masks: Iterable[ImageRef | None], ignore_value: int) -> list[Category]:
    import numpy as np

    from cvcore.data.images import decode_mask

    used: set[int] = set()
    for mask in masks:
        if mask is not None:
            used.update(np.unique(decode_mask(mask)).tolist())
    return [Category(value, str(value)) for value in sorted(used - {ignore_value})]
