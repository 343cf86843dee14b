"""Which images of an evaluation show something: a cell of the confusion, a kind of error, a class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvcore.evaluate.classify import ClassificationMetric
from cvcore.evaluate.coco import CocoMetric
from cvcore.evaluate.error_types import ErrorType
from cvcore.evaluate.errors import ERROR_NAMES
from cvcore.evaluate.panoptic import PanopticMetric
from cvcore.evaluate.semantic import SemanticMetric
from panel_app.evaluate.study import Study

OBJECT_KINDS = {
    "All images": "",
    "Found (TP)": "found",
    "Wrong (FP)": "wrong",
    "Missed (FN)": "lost",
    **{f"Error: {name}": name for name in ERROR_NAMES.values()},
    "Error: missed": "missed",
}
OTHER_KINDS = {"All images": "", "Right": "found", "Wrong": "wrong"}


@dataclass(frozen=True)
class Wanted:
    """What is looked for.

    Attributes:
        kind: of `OBJECT_KINDS` or `OTHER_KINDS`; "": all images, the worst first.
        label: index of the class it is about; None: any.
        cell: (true, predicted) of the confusion, in place of the two; the number of classes: nothing.
    """

    kind: str = ""
    label: int | None = None
    cell: tuple[int, int] | None = None


def find(study: Study, wanted: Wanted) -> NDArray[np.int64]:
    """Return positions in `study.image_ids`, those with the most of it first."""
    metric = study.metric
    num = len(study.image_ids)
    if not wanted.kind and wanted.cell is None and wanted.label is None:
        return worst_first(study)
    if isinstance(metric, CocoMetric):
        amount_I = _of_objects(study, wanted)
    elif isinstance(metric, ClassificationMetric):
        amount_I = _of_answers(metric, wanted)
    elif isinstance(metric, SemanticMetric):
        amount_I = _of_pixels(metric, wanted, num)
    else:
        amount_I = _of_segments(metric, wanted, num)
    order = np.argsort(-amount_I, kind="stable")
    return order[amount_I[order] > 0]


def worst_first(study: Study) -> NDArray[np.int64]:
    """Return all positions, the image that went worst first; those without a score last."""
    metric = study.metric
    if isinstance(metric, CocoMetric):
        judged = study.judged
        num = judged.num_images
        found_I = np.bincount(judged.image_M[judged.found_M], minlength=num)
        wrong_I = np.bincount(judged.image_R[judged.wrong], minlength=num)
        objects_I = np.bincount(judged.image_M[judged.counts_M], minlength=num)
        total_I = found_I + wrong_I + objects_I
        score_I = np.divide(2.0 * found_I, total_I, out=np.ones(num), where=total_I > 0)
    elif isinstance(metric, ClassificationMetric):
        rows = metric.answers()
        # Mistakes first, of them the surest; then what is right, the least sure first.
        score_I = np.where(rows["truth"] == rows["predicted"], rows["score"], -rows["score"])
    else:
        scores = metric.image_scores()
        score_I = np.array([scores[image_id] for image_id in study.image_ids])
    return np.argsort(score_I, kind="stable")


def _of_objects(study: Study, wanted: Wanted) -> NDArray[np.int64]:
    judged, num = study.judged, study.judged.num_images
    in_M, in_R = np.zeros(len(judged.label_M), bool), np.zeros(len(judged.label_R), bool)
    nothing = len(study.labels)
    of_error = {name: error for error, name in ERROR_NAMES.items()}
    if wanted.cell is not None:
        true, predicted = wanted.cell
        if true == nothing:
            in_R = judged.background_R & (judged.label_R == predicted)
        else:
            in_M = judged.counts_M & (judged.label_M == true) & (judged.answer_M == predicted)
    elif wanted.kind == "found":
        in_M = judged.found_M
    elif wanted.kind == "wrong":
        in_R = judged.wrong
    elif wanted.kind == "lost":
        in_M = judged.counts_M & ~judged.found_M
    elif wanted.kind == "missed":
        in_M = judged.missed_M
    elif wanted.kind in of_error:
        in_R = judged.error_R == of_error[wanted.kind]
    else:
        in_M, in_R = judged.counts_M.copy(), judged.error_R != ErrorType.IGNORED
    if wanted.label is not None and wanted.cell is None:
        in_M = in_M & (judged.label_M == wanted.label)
        in_R = in_R & (judged.label_R == wanted.label)
    amount_I = np.bincount(judged.image_M[in_M], minlength=num)
    return amount_I + np.bincount(judged.image_R[in_R], minlength=num)


def _of_answers(metric: ClassificationMetric, wanted: Wanted) -> NDArray[Any]:
    rows = metric.answers()
    right = rows["truth"] == rows["predicted"]
    if wanted.cell is not None:
        in_I = (rows["truth"] == wanted.cell[0]) & (rows["predicted"] == wanted.cell[1])
    else:
        in_I = {"found": right, "wrong": ~right}.get(wanted.kind, np.ones(len(rows), bool))
        if wanted.label is not None:
            in_I = in_I & ((rows["truth"] == wanted.label) | (rows["predicted"] == wanted.label))
    # Sure ones first: a sure mistake says most.
    return np.where(in_I, rows["score"] + 1e-6, 0.0)


def _of_pixels(metric: SemanticMetric, wanted: Wanted, num: int) -> NDArray[Any]:
    rows = metric.cells()
    true, predicted = rows["truth"], rows["predicted"]
    if wanted.cell is not None:
        in_R = (true == wanted.cell[0]) & (predicted == wanted.cell[1])
    else:
        right = true == predicted
        in_R = {"found": right, "wrong": ~right}.get(wanted.kind, np.ones(len(true), bool))
        if wanted.label is not None:
            in_R = in_R & ((true == wanted.label) | (predicted == wanted.label))
    return np.bincount(rows.image_R[in_R], rows["pixels"][in_R], minlength=num)


def _of_segments(metric: PanopticMetric, wanted: Wanted, num: int) -> NDArray[Any]:
    rows = metric.qualities()
    amount_R = {"found": rows["tp"], "wrong": rows["fp"] + rows["fn"]}.get(
        wanted.kind, rows["tp"] + rows["fp"] + rows["fn"]
    )
    in_R = np.ones(len(amount_R), bool)
    if wanted.label is not None:
        in_R = rows["label"] == wanted.label
    return np.bincount(rows.image_R[in_R], amount_R[in_R].astype(np.float64), minlength=num)
