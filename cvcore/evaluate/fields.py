"""Reading a prediction's or a truth's fields, with a sentence when one is missing or wrong."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from cvcore.errors import DataError, ModelError
from cvcore.evaluate.table import ImageId

T = TypeVar("T")


def of_truth(value: T | None, field: str, image_id: ImageId) -> T:
    """Return a field of a truth. Raises DataError when it is None."""
    if value is None:
        raise DataError(
            f"image {image_id!r}: the truth has no {field}, which this metric compares. Use a "
            "data set of this task."
        )
    return value


def of_prediction(value: T | None, field: str, image_id: ImageId) -> T:
    """Return a field of a prediction. Raises ModelError when it is None."""
    if value is None:
        raise ModelError(
            f"image {image_id!r}: the prediction has no {field}, which this metric compares. Use "
            "a model of this task."
        )
    return value


def require_finite(scores: NDArray[np.floating], image_id: ImageId) -> None:
    """Raise ModelError when a score is NaN or infinite: it has no place in a ranking."""
    if not np.isfinite(scores).all():
        raise ModelError(
            f"image {image_id!r}: the model gives scores that are not finite. Its weights have "
            "diverged: use an earlier checkpoint, or train with a lower learning rate."
        )


def require_classes(labels: NDArray[np.integer], num_labels: int, what: str) -> None:
    """Raise ModelError when a class index is outside 0 .. num_labels - 1."""
    if labels.size and not 0 <= int(labels.min()) <= int(labels.max()) < num_labels:
        raise ModelError(
            f"{what} holds the class indices {int(labels.min())} to {int(labels.max())}, the "
            f"label space has 0 to {num_labels - 1}. Use the label space the model was trained on."
        )
