"""The masks of an answer at the size of the picture that is kept of its image.

Letters: H, W = height, width of the answer's map.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvcore.data import masks
from cvcore.data.images import decode_mask, decode_panoptic
from cvcore.data.records import ImageRef, Rle
from cvcore.errors import DataError


def drawn(
    answer: Mapping[str, Any],
    which: Sequence[int],
    size_hw: tuple[int, int],
    picture_hw: tuple[int, int],
) -> list[Rle | None]:
    """Return the mask of each thing that an answer says; None where it has none.

    Args:
        answer: of `cvcore.serve.payload.answer`.
        which: positions in `cvcore.monitor.answers.said` of it.
        size_hw: (height, width) of the image, pixels.
        picture_hw: (height, width) wanted, pixels.

    Raises:
        DataError: a mask, polygon or map can't be read, or is of another size than the image.
    """
    if "objects" in answer:
        scale_xy = (picture_hw[1] / size_hw[1], picture_hw[0] / size_hw[0])
        found = (answer["objects"][i] for i in which)
        outlines = [one.get("mask") or one.get("polygons") for one in found]
        for one in outlines:
            if isinstance(one, dict):
                _require(one["size"], size_hw)
        return [one and masks.to_rle(one, picture_hw, scale_xy) for one in outlines]
    if "segment_map" in answer:
        ids_HW = decode_panoptic(_png(answer["segment_map"]))
        _require(ids_HW.shape, size_hw)
        small_HW = _shrunk(ids_HW, picture_hw)
        return [masks.encode(small_HW == int(answer["segments"][i]["id"])) for i in which]
    if "label_map" in answer:
        labels_HW = decode_mask(_png(answer["label_map"]))
        _require(labels_HW.shape, size_hw)
        # Its classes come in the order of their numbers.
        numbers = np.unique(labels_HW)
        small_HW = _shrunk(labels_HW, picture_hw)
        return [masks.encode(small_HW == numbers[i]) for i in which]
    return [None] * len(which)


def _require(found_hw: Sequence[int], size_hw: tuple[int, int]) -> None:
    """Refuse a mask of another size: it is not this image's, and may be too large to decode."""
    if tuple(found_hw) != size_hw:
        raise DataError(f"a mask is of size {list(found_hw)}, its image of {list(size_hw)}.")


def _png(text: str) -> ImageRef:
    return ImageRef(data=base64.b64decode(text), name="the answer's map")


def _shrunk(map_HW: NDArray[np.int32], size_hw: tuple[int, int]) -> NDArray[np.int32]:
    """Return it at another size, by nearest neighbour: numbers of classes have no mean."""
    rows, columns = (
        ((np.arange(new) + 0.5) * old / new).astype(np.int64)
        for new, old in zip(size_hw, map_HW.shape, strict=True)
    )
    return map_HW[rows[:, None], columns]
