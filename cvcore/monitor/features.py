"""Facts of an image that say whether images are as they were: light, colour, sharpness, size.

Letters: H, W = height, width.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

_SIDE = 256
"""All but the sizes are of the image reduced to this longest side: no matter what a camera's pixels are."""

UNITS = {
    "brightness": "mean grey value, 0..255",
    "contrast": "standard deviation of grey values",
    "red": "mean, 0..255",
    "green": "mean, 0..255",
    "blue": "mean, 0..255",
    "saturation": "mean, 0..255",
    "sharpness": "log10 of the variance of the Laplacian, longest side 256",
    "width": "pixels",
    "height": "pixels",
    "aspect": "width / height",
}
"""Feature -> what it is."""


def image_features(
    image_HW3: NDArray[np.uint8], size_hw: tuple[int, int] | None = None
) -> dict[str, float]:
    """Return the features by name, rounded to four decimals.

    Args:
        image_HW3: uint8 [H, W, 3], RGB.
        size_hw: true (height, width) where the pixels are of a reduced image, pixels.
    """
    height, width = size_hw or image_HW3.shape[:2]
    scale = _SIDE / max(image_HW3.shape[:2])
    small = image_HW3
    if scale < 1:
        wanted = (
            max(round(image_HW3.shape[1] * scale), 1),
            max(round(image_HW3.shape[0] * scale), 1),
        )
        small = np.asarray(cv2.resize(image_HW3, wanted, interpolation=cv2.INTER_AREA), np.uint8)
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
    red, green, blue = cv2.mean(small)[:3]
    spread = small.max(axis=2).astype(np.float32)
    with np.errstate(invalid="ignore", divide="ignore"):
        saturation = np.where(spread > 0, 255 * (spread - small.min(axis=2)) / spread, 0)
    edges = float(cv2.Laplacian(grey, cv2.CV_64F).var())
    found = {
        "brightness": float(grey.mean()),
        "contrast": float(grey.std()),
        "red": red,
        "green": green,
        "blue": blue,
        "saturation": float(saturation.mean()),
        "sharpness": float(np.log10(edges + 1)),
        "width": float(width),
        "height": float(height),
        "aspect": width / height,
    }
    return {name: round(value, 4) for name, value in found.items()}
