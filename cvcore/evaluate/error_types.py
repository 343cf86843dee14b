"""Why a detection is wrong, found while its image's overlaps are at hand.

Letters: D = detections, G = ground truths.

Source: TIDE, Bolya et al. 2020, sec. 2.2: foreground IoU 0.5, background IoU 0.1.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvcore.evaluate.matching import NO_OBJECT, Match

FOREGROUND_IOU = 0.5
BACKGROUND_IOU = 0.1


class ErrorType(IntEnum):
    """What a detection is, at IoU 0.5 and all sizes."""

    CORRECT = 0
    IGNORED = 1  # it lies on a crowd
    CLASSIFICATION = 2  # on an object of another class
    LOCALISATION = 3  # near an object of its class, badly placed
    BOTH = 4  # near an object of another class, badly placed
    DUPLICATE = 5  # on an object of its class that a better detection has found
    BACKGROUND = 6  # on nothing


def error_types(
    overlap_DG: NDArray[np.float64],
    same_class_DG: NDArray[np.bool_],
    iscrowd_G: NDArray[np.bool_],
    matched: Match,
) -> tuple[NDArray[np.uint8], NDArray[np.uint16]]:
    """Return each detection's `ErrorType` and the object it is about (or NO_OBJECT)."""
    types_D = np.full(len(overlap_DG), ErrorType.BACKGROUND, np.uint8)
    object_D = np.full(len(overlap_DG), NO_OBJECT)
    if overlap_DG.size:
        own_D, own_overlap_D = _nearest(overlap_DG, same_class_DG & ~iscrowd_G)
        other_D, other_overlap_D = _nearest(overlap_DG, ~same_class_DG & ~iscrowd_G)
        # Later lines win: TIDE asks for localisation first, then class, duplicate, both.
        for error, is_it_D, nearest_D in (
            (ErrorType.BOTH, other_overlap_D > BACKGROUND_IOU, other_D),
            (ErrorType.DUPLICATE, own_overlap_D >= FOREGROUND_IOU, own_D),
            (ErrorType.CLASSIFICATION, other_overlap_D >= FOREGROUND_IOU, other_D),
            (
                ErrorType.LOCALISATION,
                (own_overlap_D >= BACKGROUND_IOU) & (own_overlap_D < FOREGROUND_IOU),
                own_D,
            ),
        ):
            types_D[is_it_D] = error
            object_D[is_it_D] = nearest_D[is_it_D]
    ignored_D = (matched.ignored_D & np.uint64(1)).astype(bool)
    types_D[ignored_D], object_D[ignored_D] = ErrorType.IGNORED, NO_OBJECT
    found_D = (matched.found_D & np.uint64(1)).astype(bool)
    types_D[found_D], object_D[found_D] = ErrorType.CORRECT, matched.object_D[found_D]
    return types_D, object_D


def _nearest(
    overlap_DG: NDArray[np.float64], allowed_DG: NDArray[np.bool_]
) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Return the allowed object of largest overlap, and that overlap (-1 without any)."""
    allowed_overlap_DG = np.where(allowed_DG, overlap_DG, -1.0)
    nearest_D = allowed_overlap_DG.argmax(axis=1)
    return nearest_D, allowed_overlap_DG[np.arange(len(nearest_D)), nearest_D]
