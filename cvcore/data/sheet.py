"""Many pictures with captions on one sheet. Torch-free."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from cvcore.data.draw import font, line_height

GAP_PX = 8
CAPTION_LINES = 3
CHARACTER_PX = 7
"""About the width of a caption's character."""


def cell(picture_hw3: NDArray[np.uint8], text: str, max_side_px: int | None = None) -> Image.Image:
    """Return a picture above its caption.

    Args:
        picture_hw3: uint8 [h, w, 3], RGB.
        text: wrapped; at most three lines are shown.
        max_side_px: a larger picture is shrunk to this longer side.
    """
    picture = Image.fromarray(picture_hw3)
    if max_side_px is not None:
        picture.thumbnail((max_side_px, max_side_px), Image.Resampling.LANCZOS)
    width, height = picture.size
    whole = Image.new("RGB", (width, height + CAPTION_LINES * line_height()), "white")
    whole.paste(picture)
    pen = ImageDraw.Draw(whole)
    lines = textwrap.wrap(text, width // CHARACTER_PX, max_lines=CAPTION_LINES, placeholder=" ...")
    for row, line in enumerate(lines):
        pen.text((2, height + row * line_height()), line, font=font(), fill="black")
    return whole


def sheet(cells: Sequence[Image.Image]) -> Image.Image:
    """Return cells, of any sizes, in a grid that is about square; there is at least one."""
    columns = int(np.ceil(np.sqrt(len(cells))))
    rows = -(-len(cells) // columns)
    width = max(each.width for each in cells) + GAP_PX
    height = max(each.height for each in cells) + GAP_PX
    whole = Image.new("RGB", (columns * width + GAP_PX, rows * height + GAP_PX), "white")
    for i, each in enumerate(cells):
        whole.paste(each, (GAP_PX + i % columns * width, GAP_PX + i // columns * height))
    return whole
