"""The truth under a matrix: boxes by their corners, masks and label maps pixel by pixel.

Objects of which less than `min_visibility` is left in the input are dropped; of a crowd and of a
panoptic segment whatever is left is kept (a crowd is never trained on, and what is left of the
sky is still sky). Letters: N = objects; H, W = height, width of the model's input.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from cvcore.data import boxes, masks
from cvcore.data.geometry import Matrix, warp_boxes
from cvcore.data.records import Rle
from cvcore.data.samples import IGNORE_INDEX, Target
from cvcore.data.transforms.pixels import warp_labels


def warp_target(
    target: Target, matrix: Matrix, size_hw: Sequence[int], min_visibility: float
) -> Target:
    """Return the target at the model's input.

    Args:
        target: at the image's size.
        matrix: float64 [2, 3], image to input.
        size_hw: the input's (height, width), pixels.
        min_visibility: 0..1, smallest part of an object's area (of its mask where there is one)
            that must be left. An object of which nothing is left is always dropped.
    """
    if target.segment_ids_HW is not None:
        return _warp_segments(target, matrix, size_hw)
    if target.masks is not None:
        return _warp_masks(target, matrix, size_hw, min_visibility)
    if target.boxes_N4 is not None:
        return _warp_boxes(target, matrix, size_hw, min_visibility)
    if target.semantic_HW is not None:
        warped_HW = warp_labels(target.semantic_HW, matrix, size_hw, IGNORE_INDEX)
        return replace(target, semantic_HW=warped_HW)
    return target


def _warp_boxes(
    target: Target, matrix: Matrix, size_hw: Sequence[int], min_visibility: float
) -> Target:
    assert target.boxes_N4 is not None
    assert target.areas_N is not None
    whole_N4 = warp_boxes(boxes.xywh_to_xyxy(target.boxes_N4), matrix).astype(np.float32)
    seen_N4 = boxes.xyxy_to_xywh(boxes.clip_xyxy(whole_N4, (size_hw[0], size_hw[1])))
    whole_N = boxes.area_xywh(boxes.xyxy_to_xywh(whole_N4))
    visible_N = boxes.area_xywh(seen_N4) / np.maximum(whole_N, np.finfo(np.float32).tiny)
    areas_N = target.areas_N * _magnification(matrix) * visible_N
    return _select(target, _kept(target, visible_N, min_visibility), seen_N4, areas_N)


def _warp_masks(
    target: Target, matrix: Matrix, size_hw: Sequence[int], min_visibility: float
) -> Target:
    assert target.masks is not None
    rles = [_warp_mask(rle, matrix, size_hw) for rle in target.masks]
    areas_N = np.array([masks.area(rle) for rle in rles], np.float32)
    whole_N = np.array([masks.area(rle) for rle in target.masks]) * _magnification(matrix)
    kept_N = _kept(target, areas_N / np.maximum(whole_N, 1e-9), min_visibility)
    boxes_N4 = boxes.as_boxes([masks.bbox_xywh(rle) for rle in rles])
    return _select(target, kept_N, boxes_N4, areas_N, rles)


def _warp_segments(target: Target, matrix: Matrix, size_hw: Sequence[int]) -> Target:
    assert target.segment_ids_HW is not None
    assert target.segment_ids_N is not None
    ids_HW = warp_labels(target.segment_ids_HW, matrix, size_hw, 0)
    present, counts = np.unique(ids_HW, return_counts=True)
    count_of = dict(zip(present.tolist(), counts.tolist(), strict=True))
    areas_N = np.array([count_of.get(i, 0) for i in target.segment_ids_N.tolist()], np.float32)
    rles = [masks.encode(ids_HW == i) for i in target.segment_ids_N.tolist()]
    boxes_N4 = boxes.as_boxes([masks.bbox_xywh(rle) for rle in rles])
    return replace(_select(target, areas_N > 0, boxes_N4, areas_N, rles), segment_ids_HW=ids_HW)


def _warp_mask(rle: Rle, matrix: Matrix, size_hw: Sequence[int]) -> Rle:
    return masks.encode(warp_labels(masks.decode(rle), matrix, size_hw, 0))


def _kept(
    target: Target, visible_N: NDArray[np.floating], min_visibility: float
) -> NDArray[np.bool_]:
    """Return bool [N]; 1 % of rounding is forgiven, so that a whole mask passes a limit of 1."""
    enough_N = (visible_N > 0) & (visible_N >= 0.99 * min_visibility)
    if target.iscrowd_N is None:
        return enough_N
    return enough_N | (target.iscrowd_N & (visible_N > 0))


def _select(
    target: Target,
    kept_N: NDArray[np.bool_],
    boxes_N4: NDArray[np.float32],
    areas_N: NDArray[np.floating],
    rles: list[Rle] | None = None,
) -> Target:
    """Return the target with new boxes, areas and masks, of the kept objects only."""
    rows = np.flatnonzero(kept_N)
    labels_N, iscrowd_N, segment_ids_N = target.labels_N, target.iscrowd_N, target.segment_ids_N
    return replace(
        target,
        boxes_N4=boxes_N4[rows].astype(np.float32),
        areas_N=areas_N[rows].astype(np.float32),
        masks=None if rles is None else [rles[i] for i in rows],
        labels_N=None if labels_N is None else labels_N[rows],
        iscrowd_N=None if iscrowd_N is None else iscrowd_N[rows],
        segment_ids_N=None if segment_ids_N is None else segment_ids_N[rows],
        annotation_ids=tuple(target.annotation_ids[i] for i in rows)
        if target.annotation_ids
        else (),
    )


def _magnification(matrix: Matrix) -> float:
    """Return input pixels per image pixel, by area."""
    return float(abs(np.linalg.det(matrix[:, :2])))
