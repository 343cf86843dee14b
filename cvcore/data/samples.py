"""What training and evaluation see: decoded pixels and a target in contiguous class indices.

Letters: H, W = height, width of the image as decoded; N = objects; K = classes.
Torch-free. `build` (record + label space -> sample) is the only place where source category ids
become indices.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvcore.data.records import Rle

IGNORE_INDEX = 255
"""Semantic pixels of this value are neither trained on nor scored (HF and Cityscapes habit)."""


@dataclass(slots=True)
class Target:
    """The truth for one image, at the size of its decoded image; only the task's fields are set.

    Attributes:
        class_index: class of the image (classification).
        boxes_N4: float32 [N, 4], xywh (left, top, width, height), absolute pixels.
        labels_N: int64 [N], contiguous class indices.
        areas_N: float32 [N], pixels (source's area where given, else box or mask area).
        iscrowd_N: bool [N].
        masks: N COCO RLEs at image size (instance segmentation; panoptic segments too).
        semantic_HW: uint8 or uint16 [H, W], class index, IGNORE_INDEX = unlabelled.
        segment_ids_HW: int32 [H, W], panoptic segment id, 0 = unlabelled; segment i of
            `labels_N` has the id `segment_ids_N[i]`.
        segment_ids_N: int64 [N].
        annotation_ids: N source ids, for messages and reports.
    """

    class_index: int | None = None
    boxes_N4: NDArray[np.float32] | None = None
    labels_N: NDArray[np.int64] | None = None
    areas_N: NDArray[np.float32] | None = None
    iscrowd_N: NDArray[np.bool_] | None = None
    masks: list[Rle] | None = None
    semantic_HW: NDArray[np.integer[Any]] | None = None
    segment_ids_HW: NDArray[np.int32] | None = None
    segment_ids_N: NDArray[np.int64] | None = None
    annotation_ids: tuple[int | str, ...] = ()


@dataclass(slots=True)
class Sample:
    """One image and its truth.

    Attributes:
        image_id: unique in its split.
        image_HW3: uint8 [H, W, 3], RGB, EXIF orientation applied.
        target: the truth at this image's size.
        source: the file, for messages.
        size_hw: (H, W) before any transform; predictions are given and scored at this size.
        metadata: further columns of the source, for slices.
    """

    image_id: int | str
    image_HW3: NDArray[np.uint8]
    target: Target
    source: str
    size_hw: tuple[int, int]
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Prediction:
    """What a model says of one image, at the image's own size; only the task's fields are set.

    Attributes:
        image_id: the sample's.
        scores_K: float32 [K], softmax (classification).
        boxes_N4: float32 [N, 4], xyxy, absolute pixels.
        labels_N: int64 [N], contiguous class indices.
        scores_N: float32 [N], 0..1. No threshold is applied before AP.
        masks: N COCO RLEs at image size.
        semantic_HW: uint8 or uint16 [H, W], class index.
        segment_ids_HW: int32 [H, W], 0 = void; ids index `segment_ids_N`.
        segment_ids_N: int64 [N], ids of the segments in `labels_N`.
    """

    image_id: int | str
    scores_K: NDArray[np.float32] | None = None
    boxes_N4: NDArray[np.float32] | None = None
    labels_N: NDArray[np.int64] | None = None
    scores_N: NDArray[np.float32] | None = None
    masks: list[Rle] | None = None
    semantic_HW: NDArray[np.integer[Any]] | None = None
    segment_ids_HW: NDArray[np.int32] | None = None
    segment_ids_N: NDArray[np.int64] | None = None


@dataclass(slots=True)
class Truth:
    """What a metric compares a prediction with: the target at the image's own size.

    Attributes:
        image_id: the sample's.
        size_hw: (height, width) of the image, pixels; the target has this size.
        target: the truth.
        source: the image's file, for reports.
        metadata: further columns of the source, for slices.
    """

    image_id: int | str
    size_hw: tuple[int, int]
    target: Target
    source: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)
