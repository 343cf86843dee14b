"""How sizes and numbers are spread, counted into bins for plots. In a worker.

Letters: N = images of all splits, B = bins.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvcore.data.contract.report import SplitFacts
from panel_app.data.index import Index

_BINS = 40
_MOST_SIZES = 400
"""Different image sizes in the plot of sizes; the most frequent are kept."""


def histograms(index: Index, facts: Mapping[str, SplitFacts]) -> dict[str, Any]:
    """Return the plots' numbers per split.

    Args:
        index: of the data set.
        facts: what a check saw of each split.

    Returns:
        name -> {"edges": B + 1 numbers, "counts": split -> B numbers}, of `objects` (per image),
        `box_side` (square root of the area, pixels, by factors), `box_aspect` (width / height, by
        factors) and `brightness`; and `sizes`: split -> [width, height, images].
    """
    sides: dict[str, NDArray[np.float64]] = {}
    aspects: dict[str, NDArray[np.float64]] = {}
    objects: dict[str, NDArray[np.float64]] = {}
    for number, name in enumerate(index.splits):
        rows = np.flatnonzero(index.split_N == number)
        objects[name] = index.objects_N[rows].astype(np.float64)
        boxes = [
            box
            for row in rows.tolist()
            if index.objects_N[row]
            for box in _boxes(index, row)
            if box[2] > 0 and box[3] > 0
        ]
        boxes_M4 = np.asarray(boxes, np.float64).reshape(-1, 4)
        sides[name] = np.sqrt(boxes_M4[:, 2] * boxes_M4[:, 3])
        aspects[name] = boxes_M4[:, 2] / boxes_M4[:, 3]
    found: dict[str, Any] = {
        "box_side": _counted(sides, by_factors=True),
        "box_aspect": _counted(aspects, by_factors=True),
        "brightness": _counted({n: f.brightness_N.astype(np.float64) for n, f in facts.items()}),
        "sizes": {name: _sizes(seen.sizes_N2) for name, seen in facts.items()},
    }
    if index.kind not in ("classification", "semantic_segmentation"):
        found["objects"] = _counted(objects, whole=True)
    return {name: value for name, value in found.items() if value}


def _boxes(index: Index, row: int) -> list[Any]:
    record, _ = index.record(row)
    return [a.bbox_xywh for a in record.annotations if a.bbox_xywh is not None and not a.iscrowd]


def _sizes(sizes_N2: NDArray[np.int32]) -> list[list[int]]:
    seen_N2 = sizes_N2[sizes_N2.all(axis=1)]
    pairs_U2, counts_U = np.unique(seen_N2, axis=0, return_counts=True)
    kept = np.argsort(-counts_U, kind="stable")[:_MOST_SIZES]
    return [
        [int(width), int(height), int(number)]
        for (height, width), number in zip(pairs_U2[kept], counts_U[kept], strict=True)
    ]


def _counted(
    values: Mapping[str, NDArray[np.float64]], *, by_factors: bool = False, whole: bool = False
) -> dict[str, Any] | None:
    kept = {name: each[np.isfinite(each)] for name, each in values.items()}
    every = np.concatenate([*kept.values(), np.empty(0)])
    if not len(every):
        return None
    low, high = float(every.min()), float(every.max())
    if whole:
        step = max(1, int(np.ceil((high - low + 1) / _BINS)))
        edges = np.arange(low - 0.5, high + 0.5 + step, step)
    elif by_factors:
        low, high = (low * 0.9, high * 1.1) if low == high else (low, high)
        edges = np.geomspace(low, high * (1 + 1e-9), _BINS + 1)
    else:
        low, high = (low - 0.5, high + 0.5) if low == high else (low, high)
        edges = np.linspace(low, high, _BINS + 1)
    return {
        "edges": edges.tolist(),
        "counts": {name: np.histogram(each, edges)[0].tolist() for name, each in kept.items()},
    }
