"""Detection: boxes and classes, by the DETR family (set prediction, no NMS)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from cvcore.config.schema import TaskConf
from cvcore.data.labels import LabelSpace
from cvcore.data.samples import Prediction, Sample, Truth
from cvcore.metrics.streaming import StreamingMetric
from cvcore.tasks.base import Encoded
from cvcore.tasks.common import CommonTask, as_tensors, pixels_of
from cvcore.tasks.fit import Fit
from cvcore.tasks.scores import best, of_queries
from cvcore.tasks.targets import class_and_boxes


@dataclass
class Detection(CommonTask):
    """See `cvcore.tasks.base.Task`."""

    kind: ClassVar[str] = "detection"

    def encode(self, sample: Sample) -> Encoded:
        """Return pixels, `class_labels` and `boxes`; crowds and empty boxes are left out."""
        return Encoded(pixels_of(sample), class_and_boxes(sample))

    def batch_labels(self, labels: list[dict[str, Any]]) -> dict[str, Any]:
        """Return `labels`: per image class_labels int64 [N], boxes float32 [N, 4]."""
        return {"labels": as_tensors(labels)}

    def predict(self, outputs: Any, truths: Sequence[Truth]) -> list[Prediction]:
        """Return the `max_detections` best boxes of each image, best first."""
        found = best(outputs.logits, self.sigmoid, self.max_detections)
        boxes_BD4 = Fit(self.image_size, self.resize).boxes(
            of_queries(outputs.pred_boxes.float(), found.queries_BD),
            [truth.size_hw for truth in truths],
        )
        return [
            Prediction(truth.image_id, boxes_N4=boxes_N4, labels_N=labels_N, scores_N=scores_N)
            for truth, boxes_N4, labels_N, scores_N in zip(
                truths,
                boxes_BD4.cpu().numpy(),
                found.labels_BD.cpu().numpy(),
                found.scores_BD.cpu().numpy(),
                strict=True,
            )
        ]

    def metrics(self, conf: TaskConf, labels: LabelSpace) -> StreamingMetric:
        """Return COCO's box AP and AR."""
        from cvcore.evaluate.coco import CocoMetric

        return CocoMetric(labels, ("bbox",), conf.max_detections)
