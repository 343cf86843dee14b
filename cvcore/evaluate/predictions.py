"""All predictions of an evaluation, written to disk as they come. Torch-free.

One JSON object per line, gzipped (COCO's results format for detections and instances, without a
threshold; category ids are the data set's own):

    detection, instances  {"image_id", "category_id", "bbox" [x, y, w, h], "score", "segmentation"}
    classification        {"image_id", "category_id", "scores" {category id: score} of the best 5}
    semantic              {"image_id", "category_id", "segmentation"}, one line per class
    panoptic              {"image_id", "category_id", "segment_id", "segmentation"}
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvcore.data.records import Rle
from cvcore.data.samples import Prediction, Truth
from cvcore.evaluate.line_file import LineFile

FILE = "predictions.jsonl.gz"

_TOP = 5


class PredictionFile(LineFile):
    """Writes predictions; an observer of `loop.evaluate_batches`, and a context manager."""

    def lines(
        self, predictions: Sequence[Prediction], truths: Sequence[Truth]
    ) -> Iterator[dict[str, Any]]:
        """Yield those of one batch."""
        for prediction, truth in zip(predictions, truths, strict=True):
            for line in rows(prediction, self.source_ids):
                yield {"image_id": truth.image_id, **line}


def rows(prediction: Prediction, source_ids: Sequence[int | str]) -> Iterator[dict[str, Any]]:
    """Yield the lines of one image, without its id."""
    if prediction.scores_K is not None:
        best = np.argsort(-prediction.scores_K, kind="stable")[:_TOP]
        scores = {source_ids[k]: float(prediction.scores_K[k]) for k in best}
        yield {"category_id": source_ids[best[0]], "scores": scores}
    elif prediction.segment_ids_HW is not None:
        assert prediction.segment_ids_N is not None
        assert prediction.labels_N is not None
        for segment, k in zip(prediction.segment_ids_N, prediction.labels_N, strict=True):
            yield {
                "category_id": source_ids[k],
                "segment_id": int(segment),
                "segmentation": encoded(prediction.segment_ids_HW == segment),
            }
    elif prediction.semantic_HW is not None:
        for k in np.unique(prediction.semantic_HW):
            mask = encoded(prediction.semantic_HW == k)
            yield {"category_id": source_ids[k], "segmentation": mask}
    else:
        yield from _objects(prediction, source_ids)


def _objects(prediction: Prediction, source_ids: Sequence[int | str]) -> Iterator[dict[str, Any]]:
    assert prediction.boxes_N4 is not None
    assert prediction.labels_N is not None
    assert prediction.scores_N is not None
    xywh_N4 = prediction.boxes_N4.astype(np.float64)
    xywh_N4[:, 2:] -= xywh_N4[:, :2]
    for i, k in enumerate(prediction.labels_N):
        row = {
            "category_id": source_ids[k],
            "bbox": xywh_N4[i].tolist(),
            "score": float(prediction.scores_N[i]),
        }
        if prediction.masks is not None:
            row["segmentation"] = text(prediction.masks[i])
        yield row


def encoded(mask_HW: NDArray[np.bool_]) -> dict[str, Any]:
    """Return a mask as a compressed RLE, JSON-able."""
    from pycocotools import mask

    return text(mask.encode(np.asfortranarray(mask_HW, np.uint8)))


def text(rle: Rle) -> dict[str, Any]:
    """Return a compressed RLE, JSON-able."""
    counts = rle["counts"]
    size = [int(v) for v in rle["size"]]
    return {"size": size, "counts": counts.decode("ascii") if isinstance(counts, bytes) else counts}


def join(parts: Sequence[Path], path: Path) -> None:
    """Join the files of several processes (gzip members follow each other) and remove them."""
    with path.open("wb") as whole:
        for part in parts:
            whole.write(part.read_bytes())
            part.unlink()
