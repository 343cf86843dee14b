"""Pixels under a matrix: images smoothly, masks and label maps by the nearest pixel.

Letters: H, W = height, width of the source; h, w = of the result. Everything stays uint8.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cvcore.data.geometry import Matrix

MIN_WARP_SCALE = 0.75
"""Below this a bilinear warp would skip source pixels: the image is shrunk by area first."""


def warp_image(
    image_HW3: NDArray[np.uint8],
    matrix: Matrix,
    size_hw: Sequence[int],
    fill: tuple[int, int, int],
) -> NDArray[np.uint8]:
    """Return uint8 [h, w, 3] under a matrix; pixels from outside the image are `fill`.

    Enlarging is bilinear; shrinking averages the area, so that fine texture does not alias.
    """
    if matrix[0, 1] == 0 and matrix[1, 0] == 0:
        return _crop_and_resize(image_HW3, matrix, size_hw, fill)
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    if scale < MIN_WARP_SCALE:
        height, width = image_HW3.shape[:2]
        small_hw = max(1, round(height * scale)), max(1, round(width * scale))
        image_HW3 = _resize(image_HW3, small_hw)
        matrix = matrix * np.array([width / small_hw[1], height / small_hw[0], 1.0])
    return _warp(image_HW3, matrix, size_hw, cv2.INTER_LINEAR, fill)


def warp_labels(
    labels_HW: NDArray[Any], matrix: Matrix, size_hw: Sequence[int], fill: int
) -> NDArray[Any]:
    """Return [h, w] of the same dtype (uint8, uint16 or int32), each pixel its nearest source's."""
    return _warp(labels_HW, matrix, size_hw, cv2.INTER_NEAREST, fill)


def _crop_and_resize(
    image_HW3: NDArray[np.uint8],
    matrix: Matrix,
    size_hw: Sequence[int],
    fill: tuple[int, int, int],
) -> NDArray[np.uint8]:
    """Return `image` under a matrix without rotation: several times quicker than a warp."""
    source_y, goal_y, flip_y = _span(matrix[1, 1], matrix[1, 2], image_HW3.shape[0], size_hw[0])
    source_x, goal_x, flip_x = _span(matrix[0, 0], matrix[0, 2], image_HW3.shape[1], size_hw[1])
    goal_hw = goal_y.stop - goal_y.start, goal_x.stop - goal_x.start
    part = _resize(image_HW3[source_y, source_x], goal_hw)
    if flip_x or flip_y:
        part = cv2.flip(part, -1 if flip_x and flip_y else int(flip_x))
    if goal_hw == tuple(size_hw):
        return part
    return np.asarray(
        cv2.copyMakeBorder(
            part,
            goal_y.start,
            size_hw[0] - goal_y.stop,
            goal_x.start,
            size_hw[1] - goal_x.stop,
            cv2.BORDER_CONSTANT,
            value=fill,
        )
    )


def _span(scale: float, offset: float, source: int, goal: int) -> tuple[slice, slice, bool]:
    """Return the source pixels seen on one axis, the result's pixels they fill, and if mirrored."""
    ends = sorted((-offset / scale, (goal - offset) / scale))
    first = round(min(max(ends[0], 0.0), source - 1.0))
    last = max(first + 1, round(min(ends[1], source)))
    filled = sorted((offset + scale * first, offset + scale * last))
    start = round(min(max(filled[0], 0.0), goal - 1.0))
    end = max(start + 1, round(min(filled[1], goal)))
    return slice(first, last), slice(start, end), scale < 0


def _resize(image_HW3: NDArray[Any], size_hw: tuple[int, int]) -> NDArray[Any]:
    """Return uint8 [h, w, 3]: axes that shrink are averaged first, then the others enlarged."""
    shrunk_hw = min(size_hw[0], image_HW3.shape[0]), min(size_hw[1], image_HW3.shape[1])
    if shrunk_hw != image_HW3.shape[:2]:
        image_HW3 = cv2.resize(image_HW3, shrunk_hw[::-1], interpolation=cv2.INTER_AREA)
    if shrunk_hw != size_hw:
        image_HW3 = cv2.resize(image_HW3, size_hw[::-1], interpolation=cv2.INTER_LINEAR)
    return image_HW3


def _warp(
    pixels: NDArray[Any],
    matrix: Matrix,
    size_hw: Sequence[int],
    interpolation: int,
    fill: int | tuple[int, int, int],
) -> NDArray[Any]:
    # OpenCV counts from the first pixel's centre, we from its corner: half a pixel each way.
    centered = matrix.copy()
    centered[:, 2] += matrix[:, :2] @ (0.5, 0.5) - 0.5
    return cv2.warpAffine(
        pixels,
        centered,
        (size_hw[1], size_hw[0]),
        flags=interpolation,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=fill,
    )
