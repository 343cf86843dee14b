"""Colour changes of a uint8 image: everything linear in one 3 x 4 matrix, in one pass.

Brightness, contrast, saturation, hue and grey are all linear in RGB, so their product is one
matrix. Grey is ITU-R BT.601 luma; hue turns the chroma plane of YIQ. Clipping happens once.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from cvcore.data.transforms.changes import Changes

LUMA_3 = np.array([0.299, 0.587, 0.114])
RGB_TO_YIQ = np.array([LUMA_3, [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])
YIQ_TO_RGB = np.linalg.inv(RGB_TO_YIQ)


def change_colors(image_HW3: NDArray[np.uint8], changes: Changes) -> NDArray[np.uint8]:
    """Return uint8 [H, W, 3] with brightness, contrast, saturation, hue and grey applied."""
    linear = _chroma(changes) * (changes.brightness * changes.contrast)
    if np.array_equal(linear, np.eye(3)) and changes.contrast == 1.0:
        return image_HW3
    mean_grey = float(image_HW3[::8, ::8].reshape(-1, 3).mean(0) @ LUMA_3)
    offset = mean_grey * changes.brightness * (1.0 - changes.contrast)
    changed = cv2.transform(image_HW3, np.column_stack([linear, np.full(3, offset)]))
    return np.asarray(changed, np.uint8)


def blur(image_HW3: NDArray[np.uint8], sigma: float) -> NDArray[np.uint8]:
    """Return uint8 [H, W, 3] under a Gaussian of `sigma` pixels."""
    return np.asarray(cv2.GaussianBlur(image_HW3, (0, 0), sigma), np.uint8)


def erase(
    image_HW3: NDArray[np.uint8],
    xywh: tuple[float, float, float, float],
    fill: tuple[int, int, int],
) -> NDArray[np.uint8]:
    """Return a copy whose rectangle `xywh` (fractions of width and height) is `fill`."""
    height, width = image_HW3.shape[:2]
    left, top = round(xywh[0] * width), round(xywh[1] * height)
    right, bottom = round((xywh[0] + xywh[2]) * width), round((xywh[1] + xywh[3]) * height)
    erased_HW3 = image_HW3.copy()
    erased_HW3[top : max(bottom, top + 1), left : max(right, left + 1)] = fill
    return erased_HW3


def _chroma(changes: Changes) -> NDArray[np.float64]:
    """Return float64 [3, 3] of saturation, hue and grey; the identity for none."""
    saturation = 0.0 if changes.gray else changes.saturation
    if saturation == 1.0 and changes.hue == 0.0:
        return np.eye(3)
    angle = 2.0 * math.pi * changes.hue  # red towards green, as in HSV
    cos, sin = saturation * math.cos(angle), saturation * math.sin(angle)
    return YIQ_TO_RGB @ np.array([[1, 0, 0], [0, cos, sin], [0, -sin, cos]]) @ RGB_TO_YIQ
