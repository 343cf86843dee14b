"""Which detection of one image finds which object: COCO's greedy matching, all thresholds at once.

Letters: D = detections, G = ground truths, T = IoU thresholds, A = area ranges.
The matching runs for each of 10 IoU thresholds and 4 area ranges. The 40 runs are independent, so
each is one bit ("lane") of an integer, and set operations on integers do the 40 at once. Only
pairs of one class that overlap by at least the lowest threshold can match, and those are few.

Source: pycocotools `COCOeval.evaluateImg`, whose outcome this reproduces exactly, ties included.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

IOU_THRESHOLDS = np.linspace(0.5, 0.95, 10)
AREA_RANGES = {
    "all": (0.0, 1e5**2),
    "small": (0.0, 32.0**2),
    "medium": (32.0**2, 96.0**2),
    "large": (96.0**2, 1e5**2),
}
"""Object sizes in pixels, both ends inclusive. Source: COCO detection evaluation."""

LANE_BITS = 16
"""Bits of one area range in a lane set; bit t of them is IoU threshold t."""

NO_OBJECT = np.uint16(0xFFFF)
"""`object` of a detection that belongs to none."""

_THRESHOLD_BITS = (1 << len(IOU_THRESHOLDS)) - 1
_AREA_LANES = [_THRESHOLD_BITS << (LANE_BITS * a) for a in range(len(AREA_RANGES))]
ALL_LANES = sum(_AREA_LANES)
_LANES_OF_RANGES = np.array(
    [
        sum(lanes for a, lanes in enumerate(_AREA_LANES) if inside >> a & 1)
        for inside in range(1 << len(AREA_RANGES))
    ],
    np.uint64,
)
_LANES_PASSED = [
    sum(((1 << passed) - 1) << (LANE_BITS * a) for a in range(len(AREA_RANGES)))
    for passed in range(len(IOU_THRESHOLDS) + 1)
]


@dataclass(frozen=True)
class Match:
    """Outcome of one image, as lane sets.

    Attributes:
        found_D: uint64 [D], lanes in which the detection finds an object that counts.
        ignored_D: uint64 [D], lanes in which it counts neither as right nor as wrong.
        object_D: uint16 [D], the object it finds at IoU 0.5 with all areas, or NO_OBJECT.
    """

    found_D: NDArray[np.uint64]
    ignored_D: NDArray[np.uint64]
    object_D: NDArray[np.uint16]


def lanes_inside(areas_N: NDArray[np.float64]) -> NDArray[np.uint64]:
    """Return for each area the lanes of the ranges it lies in, uint64 [N]."""
    inside_N = np.zeros(len(areas_N), np.int64)
    for a, (low, high) in enumerate(AREA_RANGES.values()):
        inside_N |= ((areas_N >= low) & (areas_N <= high)).astype(np.int64) << a
    return _LANES_OF_RANGES[inside_N]


def match(
    overlap_DG: NDArray[np.float64],
    same_class_DG: NDArray[np.bool_],
    inside_D: NDArray[np.uint64],
    counted_G: NDArray[np.uint64],
    iscrowd_G: NDArray[np.bool_],
) -> Match:
    """Match the detections of one image with its objects.

    A detection takes, in the order of scores, the free object of its class that it overlaps most;
    objects that don't count in a lane (crowds, other sizes) are taken only if no counting one is
    left, and a crowd can be taken many times. Of equal overlaps the later object wins.

    Args:
        overlap_DG: IoU; within a class, rows are in descending order of scores.
        same_class_DG: pairs of one class.
        inside_D: lanes of the detections' own sizes (`lanes_inside`).
        counted_G: lanes in which each object counts.
        iscrowd_G: crowds.
    """
    outside_D = np.uint64(ALL_LANES) & ~inside_D
    found_D = np.zeros(len(inside_D), np.uint64)
    ignored_D = outside_D.copy()
    object_D = np.full(len(inside_D), NO_OBJECT)
    taken_G = [0] * len(iscrowd_G)
    counted, crowd = counted_G.tolist(), iscrowd_G.tolist()

    for d, pairs in _candidates(overlap_DG, same_class_DG).items():
        free, found, ignored = ALL_LANES, 0, 0
        for g, lanes in pairs:
            hit = lanes & free & counted[g] & ~taken_G[g]
            if hit:
                free ^= hit
                found |= hit
                taken_G[g] |= hit
                if hit & 1:
                    object_D[d] = g
        for g, lanes in pairs:
            hit = lanes & free & ~counted[g]
            if not crowd[g]:
                hit &= ~taken_G[g]
            if hit:
                free ^= hit
                ignored |= hit
                taken_G[g] |= hit
        found_D[d] = found
        ignored_D[d] = ignored | (free & int(outside_D[d]))
    return Match(found_D, ignored_D, object_D)


def _candidates(
    overlap_DG: NDArray[np.float64], same_class_DG: NDArray[np.bool_]
) -> dict[int, list[tuple[int, int]]]:
    """Return for each detection (object, lanes its IoU passes), the largest IoU first."""
    d_P, g_P = np.nonzero(same_class_DG & (overlap_DG >= IOU_THRESHOLDS[0]))
    overlap_P = overlap_DG[d_P, g_P]
    # COCO's highest threshold stays below 1, so that equal shapes pass in spite of rounding.
    passed_P = np.searchsorted(np.minimum(IOU_THRESHOLDS, 1 - 1e-10), overlap_P, side="right")
    order_P = np.lexsort((-g_P, -overlap_P, d_P))
    pairs: dict[int, list[tuple[int, int]]] = {}
    for d, g, passed in zip(
        d_P[order_P].tolist(), g_P[order_P].tolist(), passed_P[order_P].tolist(), strict=True
    ):
        pairs.setdefault(d, []).append((g, _LANES_PASSED[passed]))
    return pairs
