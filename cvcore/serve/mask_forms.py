"""How the masks of an answer are written. Imports nothing: forms and job descriptions only name them."""

from __future__ import annotations

from cvcore.errors import DataError, did_you_mean

MASKS = ("rle", "polygon", "none")
"""Compressed COCO RLE, COCO polygons, not at all."""


def check_masks(masks: str) -> str:
    """Return how masks are written, if it is one of `MASKS`.

    Raises:
        DataError: it is none.
    """
    if masks not in MASKS:
        raise DataError(
            f"masks={masks!r} is no way to write masks. Choices: {', '.join(MASKS)}."
            f"{did_you_mean(masks, MASKS)}"
        )
    return masks
