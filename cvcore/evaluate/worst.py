"""Pictures of the images that went worst: truth on the left, prediction on the right. Torch-free."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cvcore.data.draw import draw
from cvcore.data.images import decode
from cvcore.data.labels import LabelSpace
from cvcore.data.records import Split
from cvcore.data.samples import Prediction, Truth
from cvcore.evaluate.table import ImageId, id_order

GAP_PX = 6
QUALITY = 85
"""Of the JPEG files, percent."""


def worst_ids(scores: Mapping[ImageId, float], num: int) -> list[ImageId]:
    """Return the ids of the lowest scores, the worst first; equal ones in the order of ids."""
    defined = [image_id for image_id, score in scores.items() if score == score]
    return sorted(defined, key=lambda image_id: (scores[image_id], id_order(image_id)))[:num]


def draw_worst(
    split: Split,
    scores: Mapping[ImageId, float],
    predict: Callable[[int], tuple[Prediction, Truth]],
    labels: LabelSpace,
    folder: Path,
    *,
    max_pixels: int,
    thresholds: Sequence[float],
    num: int = 12,
) -> list[dict[str, Any]]:
    """Write one picture per image and return rows {image_id, score, source, picture}.

    Args:
        split: the images.
        scores: of each image, 0 (worst) to 1.
        predict: gives prediction and truth of an image of the split by its position.
        labels: names and colours.
        folder: is made; the rows name pictures relative to its parent.
        max_pixels: images with more are refused.
        thresholds: of scores, by class; predicted objects below are not drawn.
        num: most pictures.
    """
    ids = worst_ids(scores, num)
    folder.mkdir(parents=True, exist_ok=True)
    positions = _positions(split, set(ids))
    rows = []
    for number, image_id in enumerate(ids):
        position = positions[image_id]
        prediction, truth = predict(position)
        image_HW3 = decode(split[position].image, max_pixels)
        left = draw(image_HW3, labels, target=truth.target)
        shown = _kept(prediction, np.asarray(thresholds))
        right = draw(image_HW3, labels, prediction=shown, score_threshold=0.0)
        gap = np.full((left.shape[0], GAP_PX, 3), 255, np.uint8)
        picture_HW3 = np.concatenate([left, gap, right], axis=1)
        path = folder / f"{number:02d}.jpg"
        cv2.imwrite(str(path), picture_HW3[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
        rows.append(
            {
                "image_id": image_id,
                "score": scores[image_id],
                "source": truth.source,
                "picture": f"{folder.name}/{path.name}",
            }
        )
    return rows


def _kept(prediction: Prediction, thresholds_K: NDArray[np.float64]) -> Prediction:
    """Return the objects whose score reaches their class's threshold; other answers as they are."""
    if prediction.boxes_N4 is None or prediction.scores_N is None or prediction.labels_N is None:
        return prediction
    at = np.flatnonzero(prediction.scores_N >= thresholds_K[prediction.labels_N])
    return replace(
        prediction,
        boxes_N4=prediction.boxes_N4[at],
        labels_N=prediction.labels_N[at],
        scores_N=prediction.scores_N[at],
        masks=None if prediction.masks is None else [prediction.masks[i] for i in at],
    )


def _positions(split: Split, wanted: set[ImageId]) -> dict[ImageId, int]:
    """Return where images are in a split; stops when all are found."""
    found: dict[ImageId, int] = {}
    for position in range(len(split)):
        if len(found) == len(wanted):
            break
        image_id = split[position].image_id
        if image_id in wanted:
            found[image_id] = position
    return found
