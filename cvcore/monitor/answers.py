"""What a model said of an image, in one form for all tasks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cvcore.data.records import Rle


@dataclass(frozen=True)
class Said:
    """One thing that a model said.

    Attributes:
        label: of the class.
        score: 0..1; None where the task has none.
        box: (x1, y1, x2, y2), pixels; None where the task has none.
        weight: share of the image's pixels (semantic segmentation); else 1.
        mask: where it is, at the size of the picture that is kept; None where the task has none, or
            no picture is kept.
    """

    label: str
    score: float | None = None
    box: tuple[float, float, float, float] | None = None
    weight: float = 1.0
    mask: Rle | None = None

    def box_side(self, size_hw: tuple[int, int]) -> float | None:
        """Return the square root of the box's share of the image, 0..1; None without a box."""
        if self.box is None or not all(size_hw):
            return None
        x1, y1, x2, y2 = self.box
        area = max(x2 - x1, 0.0) * max(y2 - y1, 0.0)
        return round(math.sqrt(area / (size_hw[0] * size_hw[1])), 4)


def said(answer: Mapping[str, Any]) -> list[Said]:
    """Return what an answer (`cvcore.serve.payload.answer`) says.

    Of a classification that is the best class, of a semantic segmentation each class with its share.
    """
    if "objects" in answer:
        return [
            Said(str(one["label"]), float(one["score"]), _box(one.get("box")))
            for one in answer["objects"]
        ]
    if "segments" in answer:
        return [Said(str(one["label"]), _number(one.get("score"))) for one in answer["segments"]]
    classes = answer.get("classes") or []
    if classes and "fraction" in classes[0]:
        return [Said(str(one["label"]), weight=float(one["fraction"])) for one in classes]
    return [Said(str(one["label"]), _number(one.get("score"))) for one in classes[:1]]


def _box(value: Any) -> tuple[float, float, float, float] | None:
    if not value or len(value) != 4:
        return None
    x1, y1, x2, y2 = (float(v) for v in value)
    return (x1, y1, x2, y2)


def _number(value: Any) -> float | None:
    return None if value is None else float(value)
