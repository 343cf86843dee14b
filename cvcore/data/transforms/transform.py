"""From a decoded sample to the model's input size: image and truth under one matrix."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from cvcore.config.schema import AugmentConf, ModelConf
from cvcore.data.samples import Sample
from cvcore.data.transforms.changes import NO_CHANGES, Changes, draw_changes, generator
from cvcore.data.transforms.color import blur, change_colors, erase
from cvcore.data.transforms.matrix import sample_matrix
from cvcore.data.transforms.pixels import warp_image
from cvcore.data.transforms.targets import warp_target


class Transform:
    """Fits samples to the model's input, with random changes where it has an `AugmentConf`.

    What comes from outside the image (padding, a shift) is the model's mean colour, which is 0
    after normalisation; in a semantic map it is IGNORE_INDEX, in a panoptic one 0. Instances hold
    no state and are cheap to pickle.
    """

    def __init__(
        self,
        image_size: Sequence[int],
        resize: str = "stretch",
        image_mean: Sequence[float] = (0.5, 0.5, 0.5),
        augment: AugmentConf | None = None,
    ) -> None:
        """Prepare the transform.

        Args:
            image_size: the model input's (height, width), pixels.
            resize: `stretch` or `letterbox`, see `cvcore.data.geometry`.
            image_mean: mean of each channel, 0..1.
            augment: random changes; None: only the fit.
        """
        self.image_size = (image_size[0], image_size[1])
        self.resize = resize
        red, green, blue = (round(255 * mean) for mean in image_mean)
        self.fill = (red, green, blue)
        self.augment = augment

    def draw(self, seed: int, epoch: int, index: int) -> Changes:
        """Return the changes of a sample in an epoch: a pure function of the three numbers."""
        if self.augment is None:
            return NO_CHANGES
        return draw_changes(self.augment, generator(seed, epoch, index))

    def enough_pixels(self, changes: Changes) -> tuple[int, int]:
        """Return the (height, width) of a decoded image that loses nothing under these changes."""
        height, width = (math.ceil(side * changes.zoom) for side in self.image_size)
        return height, width

    def __call__(self, sample: Sample, changes: Changes = NO_CHANGES) -> Sample:
        """Return the sample at the model's input size; `size_hw` stays that of the image."""
        image_hw = sample.image_HW3.shape[0], sample.image_HW3.shape[1]
        matrix = sample_matrix(image_hw, self.image_size, self.resize, changes)
        target = sample.target
        image_HW3 = change_colors(sample.image_HW3, changes)  # first: the border keeps its colour
        if image_hw != self.image_size or not np.array_equal(matrix, np.eye(2, 3)):
            image_HW3 = warp_image(image_HW3, matrix, self.image_size, self.fill)
            limit = 0.0 if self.augment is None else self.augment.min_visibility
            target = warp_target(target, matrix, self.image_size, limit)
        if changes.blur_sigma:
            image_HW3 = blur(image_HW3, changes.blur_sigma)
        if changes.erase_xywh and target.class_index is not None:
            image_HW3 = erase(image_HW3, changes.erase_xywh, self.fill)
        return replace(sample, image_HW3=image_HW3, target=target)


def fit_transform(model: ModelConf) -> Transform:
    """Return the transform of evaluation and prediction: the fit to the model's input alone."""
    return Transform(model.image_size, model.resize, model.image_mean)


def train_transform(model: ModelConf, augment: AugmentConf) -> Transform:
    """Return the transform of training."""
    return Transform(model.image_size, model.resize, model.image_mean, augment)
