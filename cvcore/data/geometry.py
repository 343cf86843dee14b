"""Where a pixel of an image lies in the model's input, and back: one 2 x 3 matrix.

Coordinates are those of boxes: x to the right, y down, in pixels, (0, 0) the outer corner of the
first pixel, so that its centre is (0.5, 0.5). A letterboxed image lies in the top left corner; the
rest of the input is padding. Torch-free.

Letters: H, W = height, width; N = number of boxes or points.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
"""float64 [2, 3]: (x, y) -> matrix @ (x, y, 1)."""


def fitted_size(
    size_hw: tuple[int, int], image_size: Sequence[int], resize: str
) -> tuple[int, int]:
    """Return (height, width) that a whole image takes in an input of `image_size` (H, W), px.

    Args:
        size_hw: the image's (height, width), pixels.
        image_size: the model input's (height, width), pixels.
        resize: `stretch` (the whole input) or `letterbox` (aspect kept, padding right or below).
    """
    height, width = image_size
    if resize == "stretch":
        return height, width
    scale = min(height / size_hw[0], width / size_hw[1])
    return (
        min(height, max(1, round(size_hw[0] * scale))),
        min(width, max(1, round(size_hw[1] * scale))),
    )


def fit_matrix(size_hw: tuple[int, int], image_size: Sequence[int], resize: str) -> Matrix:
    """Return float64 [2, 3] from image to model input; arguments as `fitted_size`."""
    height, width = fitted_size(size_hw, image_size, resize)
    return np.array([[width / size_hw[1], 0.0, 0.0], [0.0, height / size_hw[0], 0.0]])


def invert(matrix: Matrix) -> Matrix:
    """Return the matrix of the way back, float64 [2, 3]."""
    linear = np.linalg.inv(matrix[:, :2])
    return np.column_stack([linear, -linear @ matrix[:, 2]])


def compose(second: Matrix, first: Matrix) -> Matrix:
    """Return the matrix that applies `first`, then `second`, float64 [2, 3]."""
    linear = second[:, :2] @ first[:, :2]
    return np.column_stack([linear, second[:, :2] @ first[:, 2] + second[:, 2]])


def warp_points(points_N2: NDArray[np.floating], matrix: Matrix) -> NDArray[np.float64]:
    """Return float64 [N, 2] of (x, y) points under a matrix."""
    return points_N2 @ matrix[:, :2].T + matrix[:, 2]


def warp_boxes(boxes_N4: NDArray[np.floating], matrix: Matrix) -> NDArray[np.float64]:
    """Return the upright boxes around warped boxes.

    Args:
        boxes_N4: [N, 4], xyxy, pixels.
        matrix: float64 [2, 3].

    Returns:
        float64 [N, 4], xyxy, pixels, not clipped; exact unless the matrix rotates or shears, when
        it is the smallest upright box around the four warped corners.
    """
    corners_N42 = boxes_N4[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 2)
    warped_N42 = warp_points(corners_N42, matrix).reshape(-1, 4, 2)
    return np.concatenate([warped_N42.min(1), warped_N42.max(1)], axis=1)
