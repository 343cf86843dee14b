"""A sheet of training images exactly as the trainer sees them. Torch-free."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cvcore.config.schema import Config
from cvcore.data.draw import draw
from cvcore.data.load import Loader
from cvcore.data.prepare import prepare
from cvcore.data.sheet import cell, sheet
from cvcore.data.transforms import train_transform


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
        cells.append(cell(picture_hw3, f"{sample.image_id}: {changes.describe()}"))
    out.parent.mkdir(parents=True, exist_ok=True)
    sheet(cells).save(out)
    return out
