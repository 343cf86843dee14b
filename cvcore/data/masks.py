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

_FARTHEST = 1e6  # pycocotools walks every pixel of a polygon's outline, also outside the image


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
        DataError: a polygon of fewer than three points or without finite coordinates, or an RLE
            whose runs are wrong or that is of another size.
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
    if not all((np.abs(p) <= _FARTHEST).all() for p in polygons):  # also NaN
        raise DataError(
            f"a polygon has a coordinate that is not a number or beyond {_FARTHEST:.0f} pixels. "
            "Correct or remove it."
        )
    if scale_xy != (1.0, 1.0):
        polygons = [(p.reshape(-1, 2) * scale_xy).ravel() for p in polygons]
    parts = coco_mask.frPyObjects([p.tolist() for p in polygons], height, width)
    return _as_text(coco_mask.merge(parts))


def compress(rle: Rle) -> Rle:
    """Return an RLE with text `counts`, whether they were runs, bytes or text.

    Raises:
        DataError: the runs are negative or do not add up to height x width. pycocotools itself
            would read and write memory that is not the mask's.
    """
    counts = rle["counts"]
    height, width = (int(v) for v in rle["size"])
    runs = np.asarray(counts, np.int64) if isinstance(counts, list) else _runs_of(counts)
    if (runs < 0).any() or int(runs.sum()) != height * width or height < 1 or width < 1:
        raise DataError(
            f"the runs of a run-length mask add up to {int(runs.sum())}, its size is {height} x "
            f"{width} = {height * width}. Make the mask again."
        )
    if isinstance(counts, list):
        whole = {"size": [height, width], "counts": counts}
        return _as_text(coco_mask.frPyObjects(whole, height, width))
    return _as_text({"size": [height, width], "counts": counts})


def _runs_of(counts: str | bytes) -> NDArray[np.int64]:
    """Return the runs of compressed counts, int64.

    Source: pycocotools maskApi.c, `rleFrString`: little-endian groups of 5 bits, bit 32 = another
    follows, the last one's bit 16 = sign; from the fourth run on, the difference to two before.
    """
    data = counts.encode("utf-8") if isinstance(counts, str) else counts
    bits = np.frombuffer(data, np.uint8).astype(np.int64) - 48
    is_last = (bits & 32) == 0
    if not len(bits) or bits.min() < 0 or bits.max() > 63 or not is_last[-1]:
        raise DataError("the counts of a run-length mask are not COCO's coding. Make it again.")
    ends = np.flatnonzero(is_last)
    starts = np.concatenate([[0], ends[:-1] + 1])
    place = np.arange(len(bits)) - np.repeat(starts, ends - starts + 1)
    if place.max() > 6:
        raise DataError("a run of a run-length mask is too long. Make it again.")
    values = np.add.reduceat((bits & 31) << (5 * place), starts)
    values -= ((bits[ends] & 16) != 0) * (np.int64(1) << (5 * (place[ends] + 1)))
    values[1::2] = np.cumsum(values[1::2])
    values[2::2] = np.cumsum(values[2::2])
    return values


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
