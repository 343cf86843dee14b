"""A sheet of training images exactly as the trainer sees them. Torch-free."""

from __future__ import annotations

import textwrap
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from cvcore.config.schema import Config
from cvcore.data.draw import draw, font, line_height
from cvcore.data.load import Loader
from cvcore.data.prepare import prepare
from cvcore.data.transforms import train_transform

GAP_PX = 8
CAPTION_LINES = 3
CHARACTER_PX = 7
"""About the width of a caption's character."""


def preview(conf: Config, out: Path, num: int, epoch: int = 0) -> Path:
    """Draw training images with their truth and write them as one PNG.

    Args:
        conf: the run; its data, model input, augmentation and seed decide what is seen.
        out: the PNG to write; its folder is made.
        num: images, evenly spaced over the train split.
        epoch: whose random changes are shown.

    Returns:
        `out`.

    Raises:
        DataError: the data set can't be used.
    """
    data = prepare(conf)
    split = data.splits["train"]
    transform = train_transform(conf.model, conf.augment)
    loader = Loader(data.labels, conf.task.kind, conf.data.max_image_pixels)
    cells = []
    for index in np.linspace(0, len(split) - 1, min(num, len(split))).round().astype(int):
        record = split[int(index)]
        changes = transform.draw(conf.seed, epoch, int(index))
        sample = loader.changed(record, transform, changes)
        picture_hw3 = draw(sample.image_HW3, data.labels, target=sample.target)
        cells.append(_with_caption(picture_hw3, f"{sample.image_id}: {changes.describe()}"))
    out.parent.mkdir(parents=True, exist_ok=True)
    _sheet(cells).save(out)
    return out


def _with_caption(picture_hw3: NDArray[np.uint8], text: str) -> Image.Image:
    height, width = picture_hw3.shape[:2]
    cell = Image.new("RGB", (width, height + CAPTION_LINES * line_height()), "white")
    cell.paste(Image.fromarray(picture_hw3))
    pen = ImageDraw.Draw(cell)
    lines = textwrap.wrap(text, width // CHARACTER_PX, max_lines=CAPTION_LINES, placeholder=" ...")
    for row, line in enumerate(lines):
        pen.text((2, height + row * line_height()), line, font=font(), fill="black")
    return cell


def _sheet(cells: list[Image.Image]) -> Image.Image:
    """Return cells of one size in a grid that is about square."""
    columns = int(np.ceil(np.sqrt(len(cells))))
    rows = -(-len(cells) // columns)
    width, height = (side + GAP_PX for side in cells[0].size)
    sheet = Image.new("RGB", (columns * width + GAP_PX, rows * height + GAP_PX), "white")
    for i, cell in enumerate(cells):
        sheet.paste(cell, (GAP_PX + i % columns * width, GAP_PX + i // columns * height))
    return sheet
