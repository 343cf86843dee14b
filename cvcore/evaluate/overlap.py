"""Areas and overlaps of boxes and masks, by COCO's own C code.

Letters: D = detections, G = ground truths.
pycocotools is imported inside, so that saved states can be read where it is not installed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from cvcore.data.records import Rle

IouType = Literal["bbox", "segm"]


def box_overlap(
    boxes_D4: NDArray[np.float64], boxes_G4: NDArray[np.float64], iscrowd_G: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return the IoU of every pair of boxes.

    Args:
        boxes_D4: [D, 4], xywh, absolute pixels.
        boxes_G4: [G, 4], xywh, absolute pixels.
        iscrowd_G: a crowd's overlap is intersection over the detection's area.

    Returns:
        float64 [D, G].
    """
    if not len(boxes_D4) or not len(boxes_G4):
        return np.zeros((len(boxes_D4), len(boxes_G4)))
    from pycocotools import mask

    return mask.iou(boxes_D4, boxes_G4, iscrowd_G.astype(np.uint8))


def mask_overlap(
    masks_D: Sequence[Rle], masks_G: Sequence[Rle], iscrowd_G: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return the IoU of every pair of masks of one image size; see `box_overlap`."""
    if not len(masks_D) or not len(masks_G):
        return np.zeros((len(masks_D), len(masks_G)))
    from pycocotools import mask

    return mask.iou(list(masks_D), list(masks_G), iscrowd_G.astype(np.uint8))


def mask_areas(masks_D: Sequence[Rle]) -> NDArray[np.float64]:
    """Return the areas of compressed masks, pixels, float64 [D]."""
    if not len(masks_D):
        return np.zeros(0)
    from pycocotools import mask

    return mask.area(list(masks_D)).astype(np.float64)


def compressed(rle: Rle) -> Rle:
    """Return a mask with compressed counts; plain runs are what COCO's C code can't take."""
    if not isinstance(rle["counts"], list):
        return rle
    from pycocotools import mask

    packed: Any = mask.frPyObjects(rle, *rle["size"])
    return {"size": list(packed["size"]), "counts": packed["counts"]}
