"""Panoptic segmentation: every pixel belongs to one segment, a thing or a stuff region.

Letters: B = batch, Q = queries, N = segments proposed, H, W = image size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from transformers import BaseImageProcessor, PreTrainedModel

from cvcore.config.schema import ModelConf, TaskConf
from cvcore.data.labels import LabelSpace
from cvcore.data.samples import Prediction, Sample, Truth
from cvcore.metrics.streaming import StreamingMetric
from cvcore.tasks.base import Encoded
from cvcore.tasks.common import CommonTask, as_tensors, pixels_of
from cvcore.tasks.fit import Fit
from cvcore.tasks.queries import query_labels
from cvcore.tasks.targets import class_and_masks, class_boxes_masks

SCORE_THRESHOLD = 0.5
"""A query below this class score proposes no segment: PQ, unlike AP, scores one partition of the
image, not a ranking. HF's default."""
MASK_THRESHOLD = 0.5
OVERLAP_THRESHOLD = 0.8
"""A segment of which less than this is left beside better ones is dropped. Source: Mask2Former."""


@dataclass
class PanopticSegmentation(CommonTask):
    """See `cvcore.tasks.base.Task`. `load` before `predict`: it learns which classes are stuff."""

    kind: ClassVar[str] = "panoptic_segmentation"
    stuff: frozenset[int] = frozenset()

    def load(
        self, model: ModelConf, labels: LabelSpace
    ) -> tuple[PreTrainedModel, BaseImageProcessor]:
        """Return model and processor; remember which classes are stuff."""
        self.stuff = frozenset(label.index for label in labels.labels if not label.isthing)
        return super().load(model, labels)

    def encode(self, sample: Sample) -> Encoded:
        """Return pixels, classes and masks of all segments, things and stuff alike."""
        arrays = class_and_masks if self.head == "queries" else class_boxes_masks
        return Encoded(pixels_of(sample), arrays(sample))

    def batch_labels(self, labels: list[dict[str, Any]]) -> dict[str, Any]:
        """Return mask_labels and class_labels, or `labels` with boxes and masks."""
        return query_labels(labels) if self.head == "queries" else {"labels": as_tensors(labels)}

    def predict(self, outputs: Any, truths: Sequence[Truth]) -> list[Prediction]:
        """Return segments that do not overlap, at the image's own size; 0 = no segment."""
        fit = Fit(self.image_size, self.resize)
        queries = self.head == "queries"
        logits_BQK = outputs.class_queries_logits if queries else outputs.logits
        masks_BQhw = outputs.masks_queries_logits if queries else outputs.pred_masks
        return [
            self._image(truth, logits_QK.float(), masks_Qhw, fit)
            for truth, logits_QK, masks_Qhw in zip(truths, logits_BQK, masks_BQhw, strict=True)
        ]

    def metrics(self, conf: TaskConf, labels: LabelSpace) -> StreamingMetric:  # noqa: ARG002
        """Return PQ, SQ and RQ."""
        from cvcore.evaluate.panoptic import PanopticMetric

        return PanopticMetric(labels)

    def _image(self, truth: Truth, logits_QK: Tensor, masks_Qhw: Tensor, fit: Fit) -> Prediction:
        """Return the segments of one image.

        Each pixel goes to the query with the largest class score x mask score; a query keeps its
        pixels where its mask score is above MASK_THRESHOLD, unless too little of its mask is left.
        Regions of one stuff class are one segment. Source: Mask2Former's reference inference
        (HF's post-processing gives one id to two segments after a fused one).
        """
        scores_Q, labels_Q = logits_QK.softmax(-1).max(-1)
        proposed = (labels_Q != logits_QK.shape[-1] - 1) & (scores_Q > SCORE_THRESHOLD)
        scores_N, labels_N = scores_Q[proposed], labels_Q[proposed].tolist()
        owner_HW, sure_HW, areas = _owners(masks_Qhw[proposed], scores_N, fit, truth.size_hw)
        ids_HW = np.zeros(truth.size_hw, np.int32)
        found: list[tuple[int, float]] = []
        stuff_ids: dict[int, int] = {}
        for n, label in enumerate(labels_N):
            owned_HW = owner_HW == n
            mask_HW = owned_HW & sure_HW
            if not mask_HW.any() or owned_HW.sum() < OVERLAP_THRESHOLD * areas[n]:
                continue
            segment = stuff_ids.get(label)
            if segment is None:
                found.append((label, float(scores_N[n])))
                segment = len(found)
                if label in self.stuff:
                    stuff_ids[label] = segment
            ids_HW[mask_HW] = segment
        return Prediction(
            truth.image_id,
            labels_N=np.array([label for label, _ in found], np.int64),
            scores_N=np.array([score for _, score in found], np.float32),
            segment_ids_HW=ids_HW,
            segment_ids_N=np.arange(1, len(found) + 1, dtype=np.int64),
        )


def _owners(
    masks_Nhw: Tensor, scores_N: Tensor, fit: Fit, size_hw: tuple[int, int]
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], list[int]]:
    """Return the best query of each pixel, whether its mask holds there, and all masks' areas.

    Returns:
        int64 [H, W], -1 without queries; bool [H, W]; N areas in pixels.
    """
    device = masks_Nhw.device
    owner_HW = torch.full(size_hw, -1, dtype=torch.int64, device=device)
    sure_HW = torch.zeros(size_hw, dtype=torch.bool, device=device)
    best_HW = torch.full(size_hw, -1.0, device=device)
    areas: list[int] = []
    for start, logits_nHW in fit.chunks(masks_Nhw, size_hw):
        probs_nHW = logits_nHW.sigmoid_()
        areas += (probs_nHW >= MASK_THRESHOLD).sum((1, 2)).tolist()
        weights_n11 = scores_N[start : start + len(probs_nHW), None, None]
        value_HW, offset_HW = (probs_nHW * weights_n11).max(0)
        prob_HW = probs_nHW.gather(0, offset_HW[None])[0]
        better_HW = value_HW > best_HW
        owner_HW = torch.where(better_HW, offset_HW + start, owner_HW)
        sure_HW = torch.where(better_HW, prob_HW >= MASK_THRESHOLD, sure_HW)
        best_HW = torch.maximum(best_HW, value_HW)
    return owner_HW.cpu().numpy(), sure_HW.cpu().numpy(), areas
