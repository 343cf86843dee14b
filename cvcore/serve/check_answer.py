"""Whether an answer is what `payload.answer` gives for an image: in words what is not. Torch-free."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Sequence
from typing import Any

_PNG = b"\x89PNG\r\n\x1a\n"
_TOLERANCE_PX = 1.0


def faults(answer: Any, size_hw: tuple[int, int], labels: Sequence[str] | None = None) -> list[str]:
    """Return what is wrong with an answer, [] if nothing.

    Args:
        answer: decoded JSON.
        size_hw: (height, width) of the image that was sent.
        labels: of the model; None: not known.
    """
    return list(_faults(answer, size_hw, labels))


def _faults(answer: Any, size_hw: tuple[int, int], labels: Sequence[str] | None) -> Iterator[str]:
    if not isinstance(answer, dict):
        yield f"the answer is {type(answer).__name__}, not an object"
        return
    if answer.get("size") != list(size_hw):
        yield f"its size is {answer.get('size')}, the image has {list(size_hw)} (height, width)"
    parts = [key for key in ("classes", "objects", "segments") if key in answer]
    if not parts:
        yield "it has neither classes nor objects nor segments"
    for part in parts:
        for position, item in enumerate(answer[part]):
            where = f"{part}[{position}]"
            yield from _item_faults(item, where, labels)
            if part == "objects":
                yield from _box_faults(item, where, size_hw)
    for key in ("label_map", "segment_map"):
        if key in answer and not _is_png(answer[key]):
            yield f"{key} is not a PNG as base64 text"


def _item_faults(item: Any, where: str, labels: Sequence[str] | None) -> Iterator[str]:
    label = item.get("label")
    if not isinstance(label, str) or (labels is not None and label not in labels):
        yield f"{where} has the label {label!r}, which the model does not have"
    value = item.get("score", item.get("fraction"))
    if value is not None and not 0 <= value <= 1.000001:
        yield f"{where} has the score {value}, which is not within 0 and 1"


def _box_faults(item: Any, where: str, size_hw: tuple[int, int]) -> Iterator[str]:
    box = item.get("box")
    if not isinstance(box, list) or len(box) != 4:
        yield f"{where} has the box {box!r}, not [x1, y1, x2, y2]"
        return
    x1, y1, x2, y2 = box
    height, width = size_hw
    inside = -_TOLERANCE_PX <= x1 <= x2 <= width + _TOLERANCE_PX
    if not (inside and -_TOLERANCE_PX <= y1 <= y2 <= height + _TOLERANCE_PX):
        yield f"{where} has the box {box}, which is not within the image of {width} x {height}"
    if "mask" in item and item["mask"].get("size") != list(size_hw):
        yield f"{where} has a mask of size {item['mask'].get('size')}, not the image's"


def _is_png(text: Any) -> bool:
    try:
        return base64.b64decode(text, validate=True).startswith(_PNG)
    except (binascii.Error, TypeError, ValueError):
        return False
