"""What each of the five tasks must be able to do. Shaped like HF: AutoModel, processor, outputs.

Letters: B = batch, H, W = model input size, K = classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray
from transformers import BaseImageProcessor, PreTrainedModel

from cvcore.config.schema import ModelConf, TaskConf
from cvcore.data.labels import LabelSpace
from cvcore.data.samples import Prediction, Sample, Truth
from cvcore.metrics.streaming import StreamingMetric


@dataclass(slots=True)
class Encoded:
    """One item of a batch.

    Attributes:
        pixel_values_3HW: uint8 [3, H, W] RGB at the model's input size; it stays uint8 until it is
            on the device, where `cvcore.data.normalise` turns it into float and normalises it.
        labels: what the HF model's own loss takes, for one image (task-specific).
        truth: the untransformed truth, in evaluation only.
    """

    pixel_values_3HW: NDArray[np.uint8]
    labels: dict[str, Any]
    truth: Truth | None = None


class Task(Protocol):
    """One task. Instances are stateless, picklable and cheap."""

    kind: ClassVar[str]

    def load(
        self, model: ModelConf, labels: LabelSpace
    ) -> tuple[PreTrainedModel, BaseImageProcessor]:
        """Return model and processor; the head fits `labels`, `id2label` is set.

        Raises:
            ModelError: no such checkpoint, of another task, or not loadable without remote code.
        """
        ...

    def encode(self, sample: Sample) -> Encoded:
        """Return the item of a sample already transformed to the model's input size."""
        ...

    def collate(self, items: Sequence[Encoded]) -> dict[str, Any]:
        """Return the model's keyword arguments (pixel_values uint8 [B, 3, H, W], labels ...).

        In evaluation the key `truths` holds a list of `Truth`; the caller pops it.
        """
        ...

    def predict(self, outputs: Any, truths: Sequence[Truth]) -> list[Prediction]:
        """Return predictions at each image's own size (`truth.size_hw`), without a threshold.

        Only `image_id` and `size_hw` of a truth are read.
        """
        ...

    def predict_above(
        self, outputs: Any, truths: Sequence[Truth], min_score: float
    ) -> list[Prediction]:
        """Return `predict` where only what scores at least `min_score` is used; never before AP."""
        ...

    def metrics(self, conf: TaskConf, labels: LabelSpace) -> StreamingMetric:
        """Return a fresh metric."""
        ...
