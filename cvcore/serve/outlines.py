"""Masks as polygons, for readers that draw and do not compute."""

from __future__ import annotations

import cv2

from cvcore.data import masks
from cvcore.data.records import Rle

_TOLERANCE_PX = 0.5


def polygons(rle: Rle) -> list[list[float]]:
    """Return the outer outlines of a mask.

    Holes are filled: COCO's polygons have none. The outline runs through the middle of the border
    pixels, simplified within half a pixel, so it is good for drawing; areas and overlaps are
    computed from RLE.

    Returns:
        [[x1, y1, x2, y2, ...], ...] in absolute pixels, each of at least three points (COCO).
    """
    found, _ = cv2.findContours(masks.decode(rle), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    result = []
    for contour_N12 in found:
        simple_N12 = cv2.approxPolyDP(contour_N12, _TOLERANCE_PX, closed=True)
        if len(simple_N12) < 3:  # a line or a dot: its pixels, as a rectangle
            x, y, width, height = cv2.boundingRect(contour_N12)
            result.append(
                [float(v) for v in (x, y, x + width, y, x + width, y + height, x, y + height)]
            )
        else:
            result.append([float(v) + 0.5 for v in simple_N12.reshape(-1)])
    return result
