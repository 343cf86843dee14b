"""One image made worse, as a pure function of image, change, severity and seed.

Photometric changes act on the model's input, as in Hendrycks and Dietterich 2019 (ImageNet-C), so
that a severity means the same for a large and a small photo. Torch-free.
"""

from __future__ import annotations

import math
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from cvcore.data import boxes
from cvcore.data.samples import Sample, Target
from cvcore.data.transforms.changes import Changes
from cvcore.data.transforms.matrix import sample_matrix
from cvcore.data.transforms.pixels import warp_image
from cvcore.data.transforms.targets import warp_target

_LEAST_VISIBLE = 0.25
"""An object of which less is left in the turned image is not asked for."""


def worsen(
    image_HW3: NDArray[np.uint8], change: str, value: float, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Return uint8 [H, W, 3] with a photometric change.

    Args:
        image_HW3: uint8 RGB.
        change: blur, noise, jpeg, darker or brighter.
        value: of its severity, see `record.CHANGES`.
        rng: of the noise.
    """
    if change == "blur":
        return np.asarray(cv2.GaussianBlur(image_HW3, (0, 0), value), np.uint8)
    if change == "noise":
        noise_HW3 = rng.normal(0.0, 255 * value, image_HW3.shape)
        return np.clip(np.rint(image_HW3 + noise_HW3), 0, 255).astype(np.uint8)
    if change == "jpeg":
        ok, data = cv2.imencode(
            ".jpg", image_HW3[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, int(value)]
        )
        assert ok
        decoded_HW3 = cv2.imdecode(data, cv2.IMREAD_COLOR)
        assert decoded_HW3 is not None
        return np.asarray(decoded_HW3[..., ::-1], np.uint8)
    assert change in ("darker", "brighter"), change
    return np.clip(np.rint(image_HW3 * np.float32(value)), 0, 255).astype(np.uint8)


def turn(sample: Sample, degrees: float, fill: tuple[int, int, int]) -> Sample:
    """Return a sample turned about its centre at its own size, image and truth together.

    Masks and maps turn pixel by pixel. Of an object without a mask only its box is known; its new
    box is that of the ellipse in the old one, which a corner box would overstate.

    Args:
        sample: at its own size.
        degrees: clockwise.
        fill: colour of what comes from outside.

    Source: Kalra et al. 2021, Towards Rotation Invariance in Object Detection, sec. 3.2.
    """
    size_hw = sample.image_HW3.shape[0], sample.image_HW3.shape[1]
    matrix = sample_matrix(size_hw, size_hw, "stretch", Changes(rotate_deg=degrees))
    target = sample.target
    if target.boxes_N4 is not None and target.masks is None:
        target = _turn_boxes(target, matrix, math.radians(degrees), size_hw)
    else:
        target = warp_target(target, matrix, size_hw, _LEAST_VISIBLE)
    image_HW3 = warp_image(sample.image_HW3, matrix, size_hw, fill)
    return replace(sample, image_HW3=image_HW3, target=target)


def _turn_boxes(
    target: Target, matrix: NDArray[np.float64], angle: float, size_hw: tuple[int, int]
) -> Target:
    assert target.boxes_N4 is not None
    width_N, height_N = target.boxes_N4[:, 2], target.boxes_N4[:, 3]
    center_N2 = target.boxes_N4[:, :2] + target.boxes_N4[:, 2:] / 2
    center_N2 = center_N2 @ matrix[:, :2].T + matrix[:, 2]
    cos, sin = abs(math.cos(angle)), abs(math.sin(angle))
    half_N2 = (
        np.stack(
            [np.hypot(width_N * cos, height_N * sin), np.hypot(width_N * sin, height_N * cos)],
            axis=1,
        )
        / 2
    )
    whole_N4 = np.concatenate([center_N2 - half_N2, center_N2 + half_N2], axis=1)
    seen_N4 = boxes.xyxy_to_xywh(boxes.clip_xyxy(whole_N4.astype(np.float32), size_hw))
    share_N = boxes.area_xywh(seen_N4) / np.maximum(4 * half_N2.prod(axis=1), 1e-9)
    kept = np.flatnonzero(share_N >= _LEAST_VISIBLE)

    def of(values: NDArray | None) -> NDArray | None:
        return None if values is None else values[kept]

    areas_N = None if target.areas_N is None else (target.areas_N * share_N).astype(np.float32)
    ids = target.annotation_ids
    return replace(
        target,
        boxes_N4=seen_N4[kept].astype(np.float32),
        areas_N=of(areas_N),
        labels_N=of(target.labels_N),
        iscrowd_N=of(target.iscrowd_N),
        annotation_ids=tuple(ids[i] for i in kept) if ids else (),
    )
