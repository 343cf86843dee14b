"""Classification: one class per image, softmax cross-entropy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from cvcore.config.schema import TaskConf
from cvcore.data.labels import LabelSpace
from cvcore.data.samples import Prediction, Sample, Truth
from cvcore.metrics.streaming import StreamingMetric
from cvcore.tasks.base import Encoded
from cvcore.tasks.common import CommonTask, pixels_of


@dataclass
class Classification(CommonTask):
    """See `cvcore.tasks.base.Task`."""

    kind: ClassVar[str] = "classification"

    def encode(self, sample: Sample) -> Encoded:
        """Return pixels and `label`, the class index."""
        return Encoded(pixels_of(sample), {"label": sample.target.class_index})

    def batch_labels(self, labels: list[dict[str, Any]]) -> dict[str, Any]:
        """Return `labels`, int64 [B]."""
        return {"labels": torch.tensor([each["label"] for each in labels], dtype=torch.int64)}

    def predict(self, outputs: Any, truths: Sequence[Truth]) -> list[Prediction]:
        """Return softmax scores of all classes."""
        scores_BK = outputs.logits.float().softmax(-1).cpu().numpy()
        return [
            Prediction(truth.image_id, scores_K=scores_K)
            for truth, scores_K in zip(truths, scores_BK, strict=True)
        ]

    def metrics(self, conf: TaskConf, labels: LabelSpace) -> StreamingMetric:  # noqa: ARG002
        """Return top-1, top-5, F1 and confusion."""
        from cvcore.evaluate.classify import ClassificationMetric

        return ClassificationMetric(labels)
