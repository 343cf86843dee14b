"""The truth of every image of an evaluation, beside its predictions: who looks needs no data set.

truths.jsonl.gz has one JSON object per image:

    {"image_id", "source", "size_hw", "metadata", "answers": [...]}

An answer is written as a prediction is (`predictions`), with "iscrowd" and "area" of an object and
without a score; pixels without a label belong to no answer. Torch-free.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from cvcore.data.contract.rule import json_able
from cvcore.data.masks import compress
from cvcore.data.samples import IGNORE_INDEX, Prediction, Target, Truth
from cvcore.evaluate.line_file import LineFile
from cvcore.evaluate.predictions import encoded, text

FILE = "truths.jsonl.gz"


class TruthFile(LineFile):
    """Writes truths; an observer of `loop.evaluate_batches`, and a context manager."""

    def lines(
        self,
        predictions: Sequence[Prediction],  # noqa: ARG002 (an observer's signature)
        truths: Sequence[Truth],
    ) -> Iterator[dict[str, Any]]:
        """Yield those of one batch."""
        for truth in truths:
            yield {
                "image_id": truth.image_id,
                "source": truth.source,
                "size_hw": list(truth.size_hw),
                "metadata": json_able(truth.metadata),
                "answers": list(answers(truth.target, self.source_ids)),
            }


def answers(target: Target, source_ids: Sequence[int | str]) -> Iterator[dict[str, Any]]:
    """Yield what is true of one image."""
    if target.class_index is not None:
        yield {"category_id": source_ids[target.class_index]}
    elif target.segment_ids_HW is not None and target.segment_ids_N is not None:
        assert target.labels_N is not None
        crowds = (
            target.iscrowd_N if target.iscrowd_N is not None else [False] * len(target.labels_N)
        )
        for own, k, crowd in zip(target.segment_ids_N, target.labels_N, crowds, strict=True):
            yield {
                "category_id": source_ids[k],
                "segment_id": int(own),
                "iscrowd": int(crowd),
                "segmentation": encoded(target.segment_ids_HW == own),
            }
    elif target.semantic_HW is not None:
        for k in np.unique(target.semantic_HW):
            if k != IGNORE_INDEX:
                mask = encoded(target.semantic_HW == k)
                yield {"category_id": source_ids[k], "segmentation": mask}
    elif target.boxes_N4 is not None and target.labels_N is not None:
        for i, k in enumerate(target.labels_N):
            row: dict[str, Any] = {
                "category_id": source_ids[k],
                "bbox": target.boxes_N4[i].astype(np.float64).tolist(),
                "iscrowd": 0 if target.iscrowd_N is None else int(target.iscrowd_N[i]),
            }
            if target.areas_N is not None:
                row["area"] = float(target.areas_N[i])
            if target.masks is not None:
                row["segmentation"] = text(compress(target.masks[i]))
            yield row
