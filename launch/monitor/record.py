"""One recorded image: how it was, and what the model said of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from cvcore.monitor.answers import Said

MOST_SAID = 300
"""Predictions kept of one image, the best first."""


@dataclass(frozen=True)
class Record:
    """An image that an endpoint was asked about.

    Attributes:
        key: unique; the name of its picture.
        at: when, seconds since 1970 (UTC).
        served: the version that answered.
        labels: hash of that version's label space; "" if it is not known.
        seconds: until the answer.
        size_hw: (height, width) of the image, pixels.
        picture_hw: (height, width) of the picture that is kept; (0, 0): none is.
        features: of `cvcore.monitor.features`.
        said: what the model said.
    """

    key: str
    at: float
    served: str
    labels: str
    seconds: float
    size_hw: tuple[int, int]
    picture_hw: tuple[int, int] = (0, 0)
    features: Mapping[str, float] = field(default_factory=dict)
    said: tuple[Said, ...] = ()

    @property
    def least_score(self) -> float | None:
        """The lowest score of what was said; None without any."""
        return min((one.score for one in self.said if one.score is not None), default=None)

    def to_json(self) -> str:
        """Return it as a line of JSON."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def of(cls, line: str) -> Record | None:
        """Return the record of a line; None of a torn one."""
        try:
            values: dict[str, Any] = json.loads(line)
            said = tuple(
                Said(**{**one, "box": one["box"] and tuple(one["box"])})
                for one in values.pop("said")
            )
            height, width = values.pop("size_hw")
            tall, wide = values.pop("picture_hw")
            return cls(size_hw=(height, width), picture_hw=(tall, wide), said=said, **values)
        except (ValueError, KeyError, TypeError, AttributeError):
            return None
