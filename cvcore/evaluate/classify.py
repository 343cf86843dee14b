"""Classification: accuracy, F1, calibration and the confusion matrix, streaming.

Letters: K = classes, I = images, B = sets of image weights.
Each image keeps 10 bytes: its class, the best class, the right class's rank, the best score.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvcore.data.labels import LabelSpace
from cvcore.data.samples import Prediction, Truth
from cvcore.errors import ModelError
from cvcore.evaluate.fields import of_prediction, of_truth, require_classes, require_finite
from cvcore.evaluate.precision import mean_defined
from cvcore.evaluate.table import ImageId, ImageTable

ANSWER = np.dtype([("score", "f4"), ("truth", "u2"), ("predicted", "u2"), ("rank", "u2")])

NUM_BINS = 15
"""Bins of confidence in the calibration error. Source: Guo et al. 2017, sec. 2."""

TOP = 5


class ClassificationMetric:
    """Figures of classification; `top5` only where there are more than five classes."""

    def __init__(self, labels: LabelSpace) -> None:
        self.labels = labels
        self._table = ImageTable({"answers": ANSWER})

    @property
    def image_ids(self) -> list[ImageId]:
        """Ids of the images seen, in order."""
        return self._table.ids()

    @property
    def nbytes(self) -> int:
        """Memory of what is kept, bytes."""
        return self._table.nbytes

    def update(self, predictions: Sequence[Prediction], truths: Sequence[Truth]) -> None:
        """Take one batch; an image seen before is left out.

        Raises:
            ModelError: scores that are missing, not finite, or of another number of classes.
            DataError: a truth without a class.
        """
        for prediction, truth in zip(predictions, truths, strict=True):
            if truth.image_id not in self._table:
                self._table.add(truth.image_id, answers=_answer(prediction, truth, self.labels))

    def state(self) -> dict[str, Any]:
        """Return everything `merge` needs."""
        return self._table.state()

    def merge(self, state: dict[str, Any]) -> None:
        """Take in another process's `state()`."""
        self._table.merge(state)

    def answers(self) -> NDArray[Any]:
        """Return the rows of `ANSWER`, one per image of `image_ids`."""
        return self._table.ordered("answers").rows_R

    def confusion(self) -> NDArray[np.uint64]:
        """Return images by true class (rows) and predicted class (columns), uint64 [K, K]."""
        rows = self.answers()
        confusion_KK = np.zeros((len(self.labels), len(self.labels)), np.uint64)
        np.add.at(confusion_KK, (rows["truth"], rows["predicted"]), np.uint64(1))
        return confusion_KK

    def compute(self) -> dict[str, float]:
        """Return top1, top5, F1, precision, recall and calibration error; see `names`."""
        once_1I = np.ones((1, len(self._table)), np.int64)
        return {key: float(value_B[0]) for key, value_B in self.resampled(once_1I).items()}

    def per_class(self) -> dict[str, dict[str, float]]:
        """Return precision, recall, F1 and number of images of each class."""
        rows = self.answers()
        columns = _class_figures(*_class_sums(rows, np.ones(len(rows)), len(self.labels)))
        return {
            name: {key: float(value_K[k]) for key, value_K in columns.items()}
            for k, name in enumerate(self.labels.names)
        }

    def image_scores(self) -> dict[ImageId, float]:
        """Return for each image the confidence in what is right: wrong and sure is 0."""
        rows = self.answers()
        right = rows["truth"] == rows["predicted"]
        scores = np.where(right, rows["score"], 1 - rows["score"])
        return dict(zip(self.image_ids, scores.tolist(), strict=True))

    def resampled(self, weights_BI: NDArray[np.integer[Any]]) -> dict[str, NDArray[np.float64]]:
        """Return the figures of `compute` for sets of image weights, float64 [B] by key."""
        rows = self.answers()
        figures: dict[str, list[float]] = {}
        for weights_I in weights_BI:
            for key, value in _figures(rows, weights_I, len(self.labels)).items():
                figures.setdefault(key, []).append(value)
        return {key: np.array(values_B) for key, values_B in figures.items()}


def _answer(prediction: Prediction, truth: Truth, labels: LabelSpace) -> NDArray[Any]:
    scores_K = of_prediction(prediction.scores_K, "scores_K", truth.image_id)
    index = of_truth(truth.target.class_index, "class_index", truth.image_id)
    require_finite(scores_K, truth.image_id)
    if len(scores_K) != len(labels):
        raise ModelError(
            f"image {truth.image_id!r}: the model gives {len(scores_K)} scores for "
            f"{len(labels)} classes. Use the label space the model was trained on."
        )
    require_classes(np.array([index]), len(labels), f"image {truth.image_id!r}: the truth")
    own = scores_K[index]
    # Of equal scores the lower index comes first, as in argmax.
    rank = np.count_nonzero(scores_K > own) + np.count_nonzero(scores_K[:index] == own)
    predicted = int(scores_K.argmax())
    return np.array([(scores_K[predicted], index, predicted, rank)], ANSWER)


def _class_sums(
    rows_I: NDArray[Any], weights_I: NDArray[Any], num_labels: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return weights of images hit, true and predicted of each class, float64 [K] each."""
    hit_I = weights_I * (rows_I["truth"] == rows_I["predicted"])
    hit_K: NDArray[Any] = np.bincount(rows_I["truth"], hit_I, num_labels)
    true_K: NDArray[Any] = np.bincount(rows_I["truth"], weights_I, num_labels)
    found_K: NDArray[Any] = np.bincount(rows_I["predicted"], weights_I, num_labels)
    return hit_K, true_K, found_K


def _class_figures(
    hit_K: NDArray[np.float64], true_K: NDArray[np.float64], found_K: NDArray[np.float64]
) -> dict[str, NDArray[np.float64]]:
    """Return figures of each class: 0 for an empty quotient, NaN for a class that is nowhere."""

    def ratio(above_K: NDArray[np.float64], below_K: NDArray[np.float64]) -> NDArray[np.float64]:
        zero_K = np.where(true_K + found_K > 0, 0.0, np.nan)
        return np.divide(above_K, below_K, out=zero_K, where=below_K > 0)

    return {
        "precision": ratio(hit_K, found_K),
        "recall": ratio(hit_K, true_K),
        "f1": ratio(2 * hit_K, true_K + found_K),
        "num_images": true_K,
    }


def _figures(rows_I: NDArray[Any], weights_I: NDArray[Any], num_labels: int) -> dict[str, float]:
    total = float(weights_I.sum())
    if not total:
        return dict.fromkeys(_keys(num_labels), float("nan"))
    of_class = _class_figures(*_class_sums(rows_I, weights_I, num_labels))
    ranks_I = rows_I["rank"]
    figures = {f"top{n}": float(weights_I[ranks_I < n].sum()) / total for n in (1, TOP)}
    for key in ("f1", "precision", "recall"):
        figures[f"macro_{key}"] = float(mean_defined(of_class[key][:, None])[0])
    figures["weighted_f1"] = float(np.nansum(of_class["f1"] * of_class["num_images"])) / total
    figures["ece"] = _calibration_error(rows_I, weights_I)
    return {key: figures[key] for key in _keys(num_labels)}


def _keys(num_labels: int) -> list[str]:
    keys = ["top1", "top5", "macro_f1", "weighted_f1", "macro_precision", "macro_recall", "ece"]
    return keys if num_labels > TOP else [key for key in keys if key != "top5"]


def _calibration_error(rows_I: NDArray[Any], weights_I: NDArray[Any]) -> float:
    """Return the mean gap between confidence and accuracy over bins. Source: Guo et al. 2017."""
    score_I = rows_I["score"].astype(np.float64)
    bin_I = np.clip(np.ceil(score_I * NUM_BINS).astype(int) - 1, 0, NUM_BINS - 1)
    gap_I = weights_I * ((rows_I["truth"] == rows_I["predicted"]) - score_I)
    return float(np.abs(np.bincount(bin_I, weights=gap_I)).sum() / weights_I.sum())
