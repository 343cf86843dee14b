"""What the five tasks share: how they are built, loaded, batched, and sized back.

Letters: B = batch, H, W = model input size, N = objects.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from transformers import BaseImageProcessor, PreTrainedModel

from cvcore.config.schema import ModelConf
from cvcore.data.labels import LabelSpace
from cvcore.data.samples import Prediction, Sample, Truth
from cvcore.models.build import build_model
from cvcore.models.families import Head
from cvcore.tasks.base import Encoded


@dataclass
class CommonTask:
    """The part of a task that does not depend on its kind.

    Attributes:
        head: the format of the model's labels and outputs.
        sigmoid: the model's class scores are sigmoids.
        image_size: (height, width) of the model input, pixels.
        resize: how an image is fitted to it: stretch or letterbox.
        max_detections: most objects predicted per image.
    """

    kind: ClassVar[str]
    head: Head
    sigmoid: bool
    image_size: tuple[int, int]
    resize: str = "stretch"
    max_detections: int = 100

    def load(
        self, model: ModelConf, labels: LabelSpace
    ) -> tuple[PreTrainedModel, BaseImageProcessor]:
        """Return model and processor: `cvcore.models.build.build_model`."""
        return build_model(model, self.kind, labels)

    def collate(self, items: Sequence[Encoded]) -> dict[str, Any]:
        """Return the model's keyword arguments, and `truths` in evaluation."""
        batch: dict[str, Any] = {"pixel_values": stack_pixels(items)}
        batch |= self.batch_labels([item.labels for item in items])
        truths = [item.truth for item in items if item.truth is not None]
        if truths:
            batch["truths"] = truths
        return batch

    def predict_above(
        self, outputs: Any, truths: Sequence[Truth], min_score: float
    ) -> list[Prediction]:
        """Return predictions of which only those from `min_score` on are used.

        A task that makes something costly of each leaves the others out.
        """
        del min_score
        return self.predict(outputs, truths)

    def predict(self, outputs: Any, truths: Sequence[Truth]) -> list[Prediction]:
        """See `cvcore.tasks.base.Task`."""
        raise NotImplementedError

    def batch_labels(self, labels: list[dict[str, Any]]) -> dict[str, Any]:
        """Return the model's label arguments of several images' labels."""
        raise NotImplementedError


def pixels_of(sample: Sample) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Return uint8 [3, H, W] of a sample's image [H, W, 3]: a view, nothing is copied."""
    return sample.image_HW3.transpose(2, 0, 1)


def stack_pixels(items: Sequence[Encoded]) -> torch.Tensor:
    """Return uint8 [B, 3, H, W] of items, in memory channels last, as the images were decoded.

    The channels are taken apart where the pixels become floats: on the device
    (`cvcore.data.normalise`).
    """
    pixels_BHW3 = np.stack([item.pixel_values_3HW.transpose(1, 2, 0) for item in items])
    return torch.from_numpy(pixels_BHW3).permute(0, 3, 1, 2)


def as_tensors(labels: list[dict[str, Any]]) -> list[dict[str, torch.Tensor]]:
    """Return every array of every image's labels as a tensor, masks as float32."""
    return [{name: _tensor(name, array) for name, array in each.items()} for each in labels]


def _tensor(name: str, array: np.ndarray[Any, Any]) -> torch.Tensor:
    tensor = torch.from_numpy(array)
    return tensor.float() if name == "masks" else tensor
