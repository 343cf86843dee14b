"""From the bodies of a request and its answer to records, of an endpoint here or of a log of Databricks."""

from __future__ import annotations

import contextlib
import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cvcore.data.images import decode, header_size
from cvcore.data.records import Rle
from cvcore.errors import DataError
from cvcore.monitor.answers import said
from cvcore.monitor.drawn import drawn
from cvcore.monitor.features import image_features
from cvcore.serve.payload import image_ref
from launch.monitor.record import MOST_SAID, Record

_MAX_PIXELS = 50_000_000
_QUALITY = 85


def records(
    request: bytes | str,
    answer: bytes | str,
    *,
    at: float,
    served: str,
    labels: str = "",
    seconds: float = 0.0,
    side_px: int = 640,
    most: int = 8,
) -> Iterator[tuple[Record, bytes]]:
    """Yield the record and JPEG of each image of a request that was answered.

    An image or answer that can't be read is left out: the endpoint has told its caller why.

    Args:
        request: JSON, as `dataframe_split`, `dataframe_records` or `instances`.
        answer: JSON, `{"predictions": [...]}`.
        at: when, seconds since 1970 (UTC).
        served: the version that answered.
        labels: hash of its label space.
        seconds: until the answer.
        side_px: longest side of the picture that is kept; 0: none.
        most: images of one request that are taken.
    """
    try:
        cells, answers = _cells(json.loads(request)), json.loads(answer)["predictions"]
    except (ValueError, KeyError, TypeError):
        return
    for cell, given in zip(cells[:most], answers[:most], strict=False):
        try:
            text = given["answer"] if isinstance(given, dict) and "answer" in given else given
            told = json.loads(text) if isinstance(text, str) else text
            items = said(told)
            ref = image_ref(cell)
            size_hw = header_size(ref, _MAX_PIXELS)
            pixels_HW3 = decode(ref, _MAX_PIXELS, (side_px or 256, side_px or 256))
        except (DataError, ValueError, KeyError, TypeError, AttributeError, OSError):
            continue
        picture, picture_hw = _jpeg(pixels_HW3, side_px) if side_px else (b"", (0, 0))
        best = sorted(range(len(items)), key=lambda i: -(items[i].score or 0.0))[:MOST_SAID]
        outlines = _outlines(told, best, size_hw, picture_hw)
        yield (
            Record(
                uuid.uuid4().hex[:16],
                at,
                served,
                labels,
                seconds,
                size_hw,
                picture_hw,
                image_features(pixels_HW3, size_hw),
                tuple(replace(items[i], mask=one) for i, one in zip(best, outlines, strict=True)),
            ),
            picture,
        )


def _outlines(
    told: Mapping[str, Any],
    which: Sequence[int],
    size_hw: tuple[int, int],
    picture_hw: tuple[int, int],
) -> Sequence[Rle | None]:
    """Return the masks of what was said; none that can't be read, or without a picture to lie on."""
    if all(picture_hw):
        with contextlib.suppress(DataError, ValueError, LookupError, TypeError, AttributeError):
            return drawn(told, which, size_hw, picture_hw)
    return [None] * len(which)


def _cells(body: Any) -> list[Any]:
    if "dataframe_split" in body:
        table = body["dataframe_split"]
        column = table["columns"].index("image") if "columns" in table else 0
        return [row[column] for row in table["data"]]
    rows = body.get("dataframe_records", body.get("instances"))
    if rows is None:
        rows = body["inputs"]
    if isinstance(rows, dict):
        return list(rows["image"])
    return [row["image"] if isinstance(row, dict) else row for row in rows]


def _jpeg(image_HW3: NDArray[np.uint8], side_px: int) -> tuple[bytes, tuple[int, int]]:
    height, width = image_HW3.shape[:2]
    scale = min(side_px / max(height, width), 1.0)
    wanted_hw = (max(round(height * scale), 1), max(round(width * scale), 1))
    if wanted_hw != (height, width):
        shrunk = cv2.resize(image_HW3, wanted_hw[::-1], interpolation=cv2.INTER_AREA)
        image_HW3 = np.asarray(shrunk, np.uint8)
    bgr = cv2.cvtColor(image_HW3, cv2.COLOR_RGB2BGR)
    _, encoded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return encoded.tobytes(), wanted_hw
