"""Semantic segmentation: a class for every pixel.

Letters: B = batch, K = classes, Q = queries, h, w = size of the model's maps, H, W = image size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cvcore.config.schema import TaskConf
from cvcore.data.labels import LabelSpace
from cvcore.data.samples import Prediction, Sample, Truth
from cvcore.metrics.streaming import StreamingMetric
from cvcore.tasks.base import Encoded
from cvcore.tasks.common import CommonTask, pixels_of
from cvcore.tasks.fit import Fit
from cvcore.tasks.queries import query_labels
from cvcore.tasks.targets import class_and_regions


@dataclass
class SemanticSegmentation(CommonTask):
    """See `cvcore.tasks.base.Task`."""

    kind: ClassVar[str] = "semantic_segmentation"

    def encode(self, sample: Sample) -> Encoded:
        """Return pixels and the class map, or one mask per class present."""
        if self.head == "queries":
            return Encoded(pixels_of(sample), class_and_regions(sample))
        return Encoded(pixels_of(sample), {"map": sample.target.semantic_HW})

    def batch_labels(self, labels: list[dict[str, Any]]) -> dict[str, Any]:
        """Return `labels`, int64 [B, H, W], or mask_labels and class_labels."""
        if self.head == "queries":
            return query_labels(labels)
        maps_BHW = np.stack([each["map"] for each in labels]).astype(np.int64)
        return {"labels": torch.from_numpy(maps_BHW)}

    def predict(self, outputs: Any, truths: Sequence[Truth]) -> list[Prediction]:
        """Return the best class of each pixel of the image, after bilinear upsampling."""
        fit = Fit(self.image_size, self.resize)
        return [
            Prediction(truth.image_id, semantic_HW=best_class(maps_Khw, fit, truth.size_hw))
            for truth, maps_Khw in zip(truths, self._maps(outputs), strict=True)
        ]

    def metrics(self, conf: TaskConf, labels: LabelSpace) -> StreamingMetric:  # noqa: ARG002
        """Return mIoU, accuracies and IoU by class."""
        from cvcore.evaluate.semantic import SemanticMetric

        return SemanticMetric(labels)

    def _maps(self, outputs: Any) -> Tensor:
        """Return float [B, K, h, w]; for queries the class scores summed over masks.

        Source: MaskFormer, Cheng et al. 2021, sec. 3.4 (semantic inference).
        """
        if self.head != "queries":
            return outputs.logits
        scores_BQK = outputs.class_queries_logits.float().softmax(-1)[..., :-1]
        masks_BQhw = outputs.masks_queries_logits.float().sigmoid()
        return torch.einsum("bqk,bqhw->bkhw", scores_BQK, masks_BQhw)


def best_class(maps_Khw: Tensor, fit: Fit, size_hw: tuple[int, int]) -> NDArray[np.uint8]:
    """Return the class of the largest value of each pixel, uint8 [H, W].

    Only a few classes are at full size at once, so that 150 classes of a large image fit.
    """
    best_HW: Tensor | None = None
    index_HW = torch.zeros(size_hw, dtype=torch.uint8, device=maps_Khw.device)
    for start, values_nHW in fit.chunks(maps_Khw, size_hw):
        value_HW, offset_HW = values_nHW.max(0)
        if best_HW is None:
            best_HW, index_HW = value_HW, offset_HW.to(torch.uint8)
            continue
        better_HW = value_HW > best_HW
        index_HW = torch.where(better_HW, (offset_HW + start).to(torch.uint8), index_HW)
        best_HW = torch.maximum(best_HW, value_HW)
    return index_HW.cpu().numpy()
