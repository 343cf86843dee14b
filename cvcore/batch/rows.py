"""An answer as a row of a table: the same columns wherever it was predicted."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

_BINARY = ("label_map", "segment_map")


def schema(kind: str) -> pa.Schema:
    """Return the columns of a task's rows.

    `image` names the image, `height` and `width` are its pixels, `error` says why it has no answer.
    The rest is `payload.answer`; maps are PNG files as bytes.
    """
    import pyarrow as pa

    score = ("score", pa.float64())
    label = ("label", pa.string())
    polygons = pa.list_(pa.list_(pa.float64()))
    mask = pa.struct([("size", pa.list_(pa.int32())), ("counts", pa.string())])
    box = ("box", pa.list_(pa.float64()))
    more: dict[str, list[tuple[str, Any]]] = {
        "classification": [("classes", pa.list_(pa.struct([label, score])))],
        "detection": [("objects", pa.list_(pa.struct([label, score, box])))],
        "instance_segmentation": [
            (
                "objects",
                pa.list_(pa.struct([label, score, box, ("mask", mask), ("polygons", polygons)])),
            )
        ],
        "semantic_segmentation": [
            ("classes", pa.list_(pa.struct([label, ("fraction", pa.float64())]))),
            ("label_map", pa.binary()),
        ],
        "panoptic_segmentation": [
            ("segments", pa.list_(pa.struct([("id", pa.int64()), label, score]))),
            ("segment_map", pa.binary()),
        ],
    }
    first = [("image", pa.string()), ("height", pa.int32()), ("width", pa.int32())]
    return pa.schema([*first, ("error", pa.string()), *more[kind]])


def row(name: str, answer: Mapping[str, Any] | None, error: str = "") -> dict[str, Any]:
    """Return one row; columns that an answer does not have are null."""
    if answer is None:
        return {"image": name, "error": error}
    values = dict(answer)
    height, width = values.pop("size")
    for key in _BINARY:
        if key in values:
            values[key] = base64.b64decode(values[key])
    return {"image": name, "height": height, "width": width, **values}


def table(kind: str, rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Return rows as a table with the columns of `schema`."""
    import pyarrow as pa

    return pa.Table.from_pylist([dict(one) for one in rows], schema=schema(kind))


def answer_ddl(kind: str) -> str:
    """Return the answer's columns as Spark writes a schema, for `from_json`."""
    objects = "label: STRING, score: DOUBLE, box: ARRAY<DOUBLE>"
    masks = "mask: STRUCT<size: ARRAY<INT>, counts: STRING>, polygons: ARRAY<ARRAY<DOUBLE>>"
    more = {
        "classification": "classes ARRAY<STRUCT<label: STRING, score: DOUBLE>>",
        "detection": f"objects ARRAY<STRUCT<{objects}>>",
        "instance_segmentation": f"objects ARRAY<STRUCT<{objects}, {masks}>>",
        "semantic_segmentation": "classes ARRAY<STRUCT<label: STRING, fraction: DOUBLE>>, "
        "label_map STRING",
        "panoptic_segmentation": "segments ARRAY<STRUCT<id: BIGINT, label: STRING, score: DOUBLE>>,"
        " segment_map STRING",
    }
    return f"size ARRAY<INT>, {more[kind]}"


def maps(kind: str) -> list[str]:
    """Return the columns of a task that hold a PNG."""
    return [name for name in schema(kind).names if name in _BINARY]
