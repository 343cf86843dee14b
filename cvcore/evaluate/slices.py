"""The main figures on parts of the images: by what the data set says of them, by size. Torch-free.

Letters: I = images, S = slices.
A slice is a set of images; the metric gives its exact figures from what it keeps.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvcore.evaluate.kept import Metric

MOST_VALUES = 12
"""A text with more distinct values is an identifier, no kind of image."""

_PARTS = 4
"""Ranges that a number is divided into, of about as many images each."""


@dataclass(frozen=True)
class Slice:
    """A part of the images.

    Attributes:
        key: what divides, e.g. "weather".
        value: in words, e.g. "rain", "12 to 40".
        num_images: in it.
        figures: by key; NaN where not defined.
    """

    key: str
    value: str
    num_images: int
    figures: dict[str, float]


def slices(metric: Metric, facts: Sequence[Mapping[str, Any]]) -> list[Slice]:
    """Return the figures of every slice that the facts make.

    Args:
        metric: after its last update.
        facts: of each image of `metric.image_ids`, in that order; a key may be missing.
    """
    found: list[tuple[str, str, NDArray[np.bool_]]] = []
    for key in dict.fromkeys(key for row in facts for key in row):
        parts = _divided([row.get(key) for row in facts])
        if len(parts) > 1:
            found += [(key, value, in_I) for value, in_I in parts]
    if not found:
        return []
    weights_SI = np.stack([in_I for _, _, in_I in found]).astype(np.int32)
    figures = metric.resampled(weights_SI)
    return [
        Slice(key, value, int(in_I.sum()), {k: float(v[at]) for k, v in figures.items()})
        for at, (key, value, in_I) in enumerate(found)
    ]


def _divided(values: Sequence[Any]) -> list[tuple[str, NDArray[np.bool_]]]:
    """Return the parts that the values of one key make, none where they say nothing."""
    given = [value for value in values if value is not None]
    numbers = [v for v in given if isinstance(v, int | float) and not isinstance(v, bool)]
    if len(numbers) == len(given) and len(set(numbers)) > MOST_VALUES:
        return _ranges(values)
    texts = [None if value is None else str(value) for value in values]
    distinct = {text for text in texts if text is not None}
    if not 1 < len(distinct) <= MOST_VALUES:
        return []
    ordered = sorted(set(numbers)) if len(numbers) == len(given) else sorted(distinct)
    return [(str(one), np.array([text == str(one) for text in texts])) for one in ordered]


def _ranges(values: Sequence[Any]) -> list[tuple[str, NDArray[np.bool_]]]:
    value_I = np.array([math.nan if value is None else float(value) for value in values])
    edges = np.unique(np.nanquantile(value_I, np.linspace(0, 1, _PARTS + 1)))
    parts = []
    for at, (low, high) in enumerate(itertools.pairwise(edges)):
        last = at == len(edges) - 2
        in_I = (value_I >= low) & ((value_I <= high) if last else (value_I < high))
        parts.append((f"{low:,.6g} to {'' if last else 'below '}{high:,.6g}", in_I))
    return [part for part in parts if part[1].any()]
