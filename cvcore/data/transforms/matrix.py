"""One sample's affine matrix, from its image to the model's input.

Flips, zoom, shift and rotation happen in the image's own frame, so that a stretched input does not
shear a rotation; the fit to the input comes last.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from cvcore.data.geometry import Matrix, compose, fit_matrix
from cvcore.data.transforms.changes import Changes


def sample_matrix(
    size_hw: tuple[int, int], image_size: Sequence[int], resize: str, changes: Changes
) -> Matrix:
    """Return float64 [2, 3]; see `cvcore.data.geometry` for coordinates and `resize`.

    A matrix without rotation is snapped to whole pixels: a rectangle of whole source pixels fills
    a rectangle of whole input pixels, so that the picture is a plain crop and resize. Changes that
    would leave nothing of the image (a shift of 0.9 of a zoomed-out one) are left out.
    """
    fit = fit_matrix(size_hw, image_size, resize)
    matrix = compose(fit, _in_image_frame(size_hw, changes))
    if changes.rotate_deg:
        return matrix
    columns = _snap(matrix[0, 0], matrix[0, 2], size_hw[1], image_size[1])
    rows = _snap(matrix[1, 1], matrix[1, 2], size_hw[0], image_size[0])
    if columns is None or rows is None:
        return fit
    return np.array([[columns[0], 0.0, columns[1]], [0.0, rows[0], rows[1]]])


def _in_image_frame(size_hw: tuple[int, int], changes: Changes) -> Matrix:
    height, width = size_hw
    angle = math.radians(changes.rotate_deg)
    cos, sin = changes.zoom * math.cos(angle), changes.zoom * math.sin(angle)
    linear = np.array([[cos, -sin], [sin, cos]])
    linear *= np.array([-1.0 if changes.hflip else 1.0, -1.0 if changes.vflip else 1.0])
    center = np.array([width / 2, height / 2])
    shift = np.array(changes.shift_xy) * (width, height)
    return np.column_stack([linear, center + shift - linear @ center])


def _snap(scale: float, offset: float, source: int, goal: int) -> tuple[float, float] | None:
    """Return (scale, offset) of one axis that maps whole pixels to whole pixels, or None.

    Args:
        scale: input pixels per source pixel, negative when mirrored.
        offset: input position of source 0, pixels.
        source: source pixels on this axis.
        goal: input pixels on this axis.
    """
    if scale < 0:
        mirrored = _snap(-scale, goal - offset, source, goal)
        return None if mirrored is None else (-mirrored[0], goal - mirrored[1])
    first = round(min(max(-offset / scale, 0.0), source))
    last = round(min(max((goal - offset) / scale, 0.0), source))
    start = round(min(max(offset + scale * first, 0.0), goal))
    end = round(min(max(offset + scale * last, 0.0), goal))
    if last <= first or end <= start:
        return None
    snapped = (end - start) / (last - first)
    return snapped, start - snapped * first
