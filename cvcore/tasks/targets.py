"""Truths as the arrays that HF models' own losses take. Torch-free.

Crowd objects and objects without area are left out: nothing is trained on them. An image without
objects gives arrays of length 0.

Letters: N = objects kept, H, W = model input size.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvcore.data.boxes import xywh_to_cxcywh
from cvcore.data.masks import decode
from cvcore.data.samples import IGNORE_INDEX, Sample, Target

Arrays = dict[str, NDArray[Any]]


def class_and_boxes(sample: Sample) -> Arrays:
    """Return `class_labels` int64 [N] and `boxes` float32 [N, 4] (cxcywh, 0..1) of the objects."""
    return _boxes(sample.target, _size(sample), _trainable(sample.target))


def class_boxes_masks(sample: Sample) -> Arrays:
    """Return `class_and_boxes` and `masks`, uint8 [N, H, W]."""
    kept = _trainable(sample.target)
    size_hw = _size(sample)
    return _boxes(sample.target, size_hw, kept) | {"masks": _masks(sample.target, size_hw, kept)}


def class_and_masks(sample: Sample) -> Arrays:
    """Return `class_labels` int64 [N] and `masks` uint8 [N, H, W] of objects or segments."""
    kept = _trainable(sample.target)
    assert sample.target.labels_N is not None
    return {
        "class_labels": sample.target.labels_N[kept],
        "masks": _masks(sample.target, _size(sample), kept),
    }


def class_and_regions(sample: Sample) -> Arrays:
    """Return one mask per class that a semantic map has; unlabelled pixels are in none.

    Returns:
        `class_labels` int64 [N] and `masks` uint8 [N, H, W].
    """
    semantic_HW = sample.target.semantic_HW
    assert semantic_HW is not None
    present = np.unique(semantic_HW)
    present = present[present != IGNORE_INDEX]
    return {
        "class_labels": present.astype(np.int64),
        "masks": (semantic_HW[None] == present[:, None, None]).astype(np.uint8),
    }


def _size(sample: Sample) -> tuple[int, int]:
    return sample.image_HW3.shape[0], sample.image_HW3.shape[1]


def _trainable(target: Target) -> NDArray[np.bool_]:
    assert target.boxes_N4 is not None
    kept: NDArray[np.bool_] = np.all(target.boxes_N4[:, 2:] > 0, axis=1)
    return kept if target.iscrowd_N is None else kept & ~target.iscrowd_N


def _boxes(target: Target, size_hw: tuple[int, int], kept: NDArray[np.bool_]) -> Arrays:
    assert target.boxes_N4 is not None
    assert target.labels_N is not None
    boxes_N4 = xywh_to_cxcywh(target.boxes_N4[kept], size_hw)
    return {"class_labels": target.labels_N[kept], "boxes": boxes_N4.astype(np.float32)}


def _masks(target: Target, size_hw: tuple[int, int], kept: NDArray[np.bool_]) -> NDArray[np.uint8]:
    assert target.masks is not None
    masks_NHW = np.zeros((int(kept.sum()), *size_hw), np.uint8)
    for i, index in enumerate(np.flatnonzero(kept)):
        masks_NHW[i] = decode(target.masks[index])
    return masks_NHW
