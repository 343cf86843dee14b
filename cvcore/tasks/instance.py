"""Instance segmentation: a mask, a class and a box for every object.

Letters: B = batch, Q = queries, D = detections, h, w = size of the model's maps, H, W = image size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from cvcore.config.schema import TaskConf
from cvcore.data import masks
from cvcore.data.boxes import as_boxes, xywh_to_xyxy
from cvcore.data.labels import LabelSpace
from cvcore.data.records import Rle
from cvcore.data.samples import Prediction, Sample, Truth
from cvcore.metrics.streaming import StreamingMetric
from cvcore.tasks.base import Encoded
from cvcore.tasks.common import CommonTask, as_tensors, pixels_of
from cvcore.tasks.fit import Fit
from cvcore.tasks.queries import query_labels
from cvcore.tasks.scores import Best, best, best_pairs, of_queries
from cvcore.tasks.targets import class_and_masks, class_boxes_masks

_ROUNDING = 1e-6  # of a mask's mean score


@dataclass
class InstanceSegmentation(CommonTask):
    """See `cvcore.tasks.base.Task`."""

    kind: ClassVar[str] = "instance_segmentation"

    def encode(self, sample: Sample) -> Encoded:
        """Return pixels, classes, masks (and boxes); crowds are left out."""
        arrays = class_and_masks if self.head == "queries" else class_boxes_masks
        return Encoded(pixels_of(sample), arrays(sample))

    def batch_labels(self, labels: list[dict[str, Any]]) -> dict[str, Any]:
        """Return mask_labels and class_labels, or `labels` with boxes and masks."""
        return query_labels(labels) if self.head == "queries" else {"labels": as_tensors(labels)}

    def predict(self, outputs: Any, truths: Sequence[Truth]) -> list[Prediction]:
        """Return the `max_detections` best masks of each image, best first; empty ones left out.

        Mask-classification models weigh the class score by the mask's mean score.
        Source: Mask2Former, Cheng et al. 2022 (instance inference).
        """
        return self.predict_above(outputs, truths, 0.0)

    def predict_above(
        self, outputs: Any, truths: Sequence[Truth], min_score: float
    ) -> list[Prediction]:
        """Return `predict` without what scores below `min_score`: no mask is made for it.

        The mask's mean score is at most 1, so what the class score leaves out would not have come
        back.
        """
        fit = Fit(self.image_size, self.resize)
        sizes_hw = [truth.size_hw for truth in truths]
        if self.head == "queries":
            scores_BQK = outputs.class_queries_logits.float().softmax(-1)[..., :-1]
            found = best_pairs(scores_BQK, self.max_detections)
            logits_BQhw, boxes_BD4 = outputs.masks_queries_logits, None
        else:
            found = best(outputs.logits, self.sigmoid, self.max_detections)
            logits_BQhw = outputs.pred_masks
            boxes_BQ4 = of_queries(outputs.pred_boxes.float(), found.queries_BD)
            boxes_BD4 = fit.boxes(boxes_BQ4, sizes_hw).cpu().numpy()
        return [
            _image(
                truth,
                found,
                i,
                logits_BQhw[i],
                fit,
                None if boxes_BD4 is None else boxes_BD4[i],
                min_score,
            )
            for i, truth in enumerate(truths)
        ]

    def metrics(self, conf: TaskConf, labels: LabelSpace) -> StreamingMetric:
        """Return COCO's mask and box AP and AR."""
        from cvcore.evaluate.coco import CocoMetric

        return CocoMetric(labels, ("segm", "bbox"), conf.max_detections)


def _image(
    truth: Truth,
    found: Best,
    i: int,
    logits_Qhw: Tensor,
    fit: Fit,
    boxes_D4: NDArray[np.float32] | None,
    min_score: float,
) -> Prediction:
    scores_D = found.scores_BD[i].cpu().numpy()
    enough_D = scores_D >= min_score - _ROUNDING
    scores_D = scores_D[enough_D]
    queries_D = found.queries_BD[i].cpu().numpy()[enough_D]
    labels_D = found.labels_BD[i].cpu().numpy()[enough_D]
    boxes_D4 = None if boxes_D4 is None else boxes_D4[enough_D]
    used, position_D = np.unique(queries_D, return_inverse=True)
    rles, quality = _masks(logits_Qhw[used.tolist()], fit, truth.size_hw)
    if boxes_D4 is None:
        tight = xywh_to_xyxy(as_boxes([masks.bbox_xywh(rle) for rle in rles]))
        boxes_D4 = tight[position_D]
        scores_D = scores_D * quality[position_D]
    has_pixels = quality[position_D] > 0
    order = np.flatnonzero(has_pixels)[np.argsort(-scores_D[has_pixels], kind="stable")]
    return Prediction(
        truth.image_id,
        boxes_N4=boxes_D4[order],
        labels_N=labels_D[order],
        scores_N=scores_D[order],
        masks=[rles[position_D[d]] for d in order],
    )


def _masks(
    logits_Nhw: Tensor, fit: Fit, size_hw: tuple[int, int]
) -> tuple[list[Rle], NDArray[np.float32]]:
    """Return N RLEs at image size and the mean score inside each, float32 [N]; 0: no pixel."""
    rles: list[Rle] = []
    quality: list[NDArray[np.float32]] = []
    for _, values_nHW in fit.chunks(logits_Nhw, size_hw):
        inside_nHW = values_nHW > 0
        total_n = (values_nHW.sigmoid() * inside_nHW).sum((1, 2))
        quality.append((total_n / inside_nHW.sum((1, 2)).clamp(min=1)).cpu().numpy())
        rles += masks.encode_all(inside_nHW.cpu().numpy())
    return rles, np.concatenate(quality) if quality else np.zeros(0, np.float32)
