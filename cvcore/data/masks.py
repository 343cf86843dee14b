"""Masks as COCO run-length codes: the only form in which object masks are kept.

`Rle` here is compressed, with text `counts` (JSON-able). Letters: H, W = height, width of the
image. Torch-free; the coding itself is pycocotools'.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from cvcore.data.records import Rle
from cvcore.errors import DataError

Segmentation = list[list[float]] | Rle


def to_rle(
    segmentation: Segmentation,
    size_hw: tuple[int, int],
    scale_xy: tuple[float, float] = (1.0, 1.0),
) -> Rle:
    """Return the compressed RLE of polygons or of any RLE.

    Args:
        segmentation: polygons [[x1, y1, ...], ...] in pixels, or an RLE, compressed or not.
        size_hw: (height, width) of the mask wanted, pixels.
        scale_xy: factors from the segmentation's pixels to those of `size_hw`, where the image was
            decoded smaller.

    Raises:
        DataError: a polygon of fewer than three points, or an RLE of another size.
    """
    height, width = size_hw
    if isinstance(segmentation, dict):
        rle = compress(segmentation)
        if scale_xy != (1.0, 1.0):
            return resize(rle, size_hw)
        if tuple(rle["size"]) != (height, width):
            raise DataError(
                f"a run-length mask is of size {rle['size']}, its image of [{height}, {width}] "
                "(height, width). Make the mask again at the image's size."
            )
        return rle
    if not segmentation or any(len(p) < 6 or len(p) % 2 for p in segmentation):
        raise DataError(
            "a polygon needs at least three points, x and y each: an even number of values, 6 or "
            f"more; got {[len(p) for p in segmentation]}."
        )
    polygons = [np.asarray(p, np.float64) for p in segmentation]
    if scale_xy != (1.0, 1.0):
        polygons = [(p.reshape(-1, 2) * scale_xy).ravel() for p in polygons]
    parts = coco_mask.frPyObjects([p.tolist() for p in polygons], height, width)
    return _as_text(coco_mask.merge(parts))


def compress(rle: Rle) -> Rle:
    """Return an RLE with text `counts`, whether they were runs, bytes or text.

    Raises:
        DataError: the runs do not add up to height x width.
    """
    counts = rle["counts"]
    height, width = (int(v) for v in rle["size"])
    if isinstance(counts, list):
        if any(run < 0 for run in counts) or sum(counts) != height * width:
            raise DataError(
                f"the runs of a run-length mask add up to {sum(counts)}, its size is {height} x "
                f"{width} = {height * width}. Make the mask again."
            )
        return _as_text(
            coco_mask.frPyObjects({"size": [height, width], "counts": counts}, height, width)
        )
    return _as_text({"size": [height, width], "counts": counts})


def encode(mask_HW: NDArray[Any]) -> Rle:
    """Return the RLE of a binary mask, bool or uint8 [H, W] of 0 and 1."""
    return _as_text(coco_mask.encode(np.asfortranarray(mask_HW, dtype=np.uint8)))


def encode_all(masks_NHW: Sequence[NDArray[np.bool_]] | NDArray[np.bool_]) -> list[Rle]:
    """Return the RLEs of binary masks [N, H, W]."""
    return [encode(mask_HW) for mask_HW in masks_NHW]


def decode(rle: Rle) -> NDArray[np.uint8]:
    """Return the binary mask, uint8 [H, W] of 0 and 1."""
    return coco_mask.decode(rle)


def area(rle: Rle) -> float:
    """Return the number of pixels set."""
    return float(coco_mask.area(rle))


def bbox_xywh(rle: Rle) -> tuple[float, float, float, float]:
    """Return the tight box (left, top, width, height), absolute pixels; zeros if empty."""
    x, y, width, height = (float(v) for v in coco_mask.toBbox(rle))
    return x, y, width, height


def resize(rle: Rle, size_hw: tuple[int, int]) -> Rle:
    """Return a mask at another (height, width), by nearest neighbour."""
    import cv2

    height, width = size_hw
    return encode(cv2.resize(decode(rle), (width, height), interpolation=cv2.INTER_NEAREST))


def _as_text(rle: dict | Rle) -> Rle:
    counts = rle["counts"]
    text = counts.decode("ascii") if isinstance(counts, bytes) else counts
    return Rle(size=[int(v) for v in rle["size"]], counts=text)
