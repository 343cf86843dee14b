"""Images in, answers out, as JSON: the one form that `predict`, pyfunc and endpoint speak.

Torch-free. Label maps travel as PNG, masks as COCO RLE: never as nested lists.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cvcore.data.labels import LabelSpace
from cvcore.data.records import ImageRef
from cvcore.data.samples import Prediction
from cvcore.errors import DataError
from cvcore.serve.outlines import polygons

MAX_IMAGE_BYTES = 16 * 2**20
"""An endpoint takes no larger request. Source: Databricks Model Serving limits."""

MAX_ANSWER_BYTES = 16 * 2**20
"""Nor does it give a larger answer."""


def image_ref(value: Any, name: str = "<bytes>") -> ImageRef:
    """Return the encoded image of one input cell: bytes, or base64 text (a data URL too).

    A path or URL is not an image here: a served model reads no file and fetches nothing.

    Args:
        value: of the cell.
        name: what messages about its pixels call it.

    Raises:
        DataError: not bytes or base64, empty, or larger than MAX_IMAGE_BYTES.
    """
    if isinstance(value, str):
        text = value.partition(",")[2] if value.startswith("data:") else value
        try:
            value = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError) as error:
            raise DataError(
                "the image is not base64 text. Send the file's bytes base64-encoded (paths and "
                "URLs are not read here)."
            ) from error
    if not isinstance(value, bytes | bytearray | memoryview):
        raise DataError(
            f"an image is bytes or base64 text, not {type(value).__name__}. Send the encoded "
            "JPEG or PNG file."
        )
    data = bytes(value)
    if not data:
        raise DataError("the image is empty (0 bytes). Send the encoded JPEG or PNG file.")
    if len(data) > MAX_IMAGE_BYTES:
        raise DataError(
            f"the image has {len(data):,} bytes; at most {MAX_IMAGE_BYTES:,} are taken. Send a "
            "smaller or stronger compressed image."
        )
    return ImageRef(data=data, name=name)


def answer(
    prediction: Prediction,
    labels: LabelSpace,
    size_hw: tuple[int, int],
    score_threshold: float,
    class_thresholds: Mapping[str, float] | None = None,
    top_k: int = 5,
    masks: str = "rle",
) -> dict[str, Any]:
    """Return a prediction as JSON-able values.

    Args:
        prediction: of one image of `size_hw` pixels.
        labels: the model's label space.
        size_hw: (height, width) of the image.
        score_threshold: objects and segments below are left out.
        class_thresholds: by class name, instead of `score_threshold`.
        top_k: classes given (classification).
        masks: one of `mask_forms.MASKS`.

    Returns:
        {"size": [H, W]} and, by task: "classes" [{label, score}]; "objects" [{label, score,
        box [x1, y1, x2, y2] in pixels, mask (compressed COCO RLE) or polygons [[x1, y1, ...],
        ...]}]; "segments" [{id, label,
        score}] and "segment_map" (PNG, base64, id as R + 256 G + 256^2 B); "label_map" (PNG,
        base64, class index) and "classes" [{label, fraction}].
    """
    result: dict[str, Any] = {"size": list(size_hw)}
    if prediction.scores_K is not None:
        order = np.argsort(-prediction.scores_K, kind="stable")[:top_k]
        result["classes"] = [
            {"label": labels.labels[i].name, "score": round(float(prediction.scores_K[i]), 6)}
            for i in order
        ]
    if prediction.boxes_N4 is not None:
        own = class_thresholds or {}
        result["objects"] = _objects(prediction, labels, score_threshold, own, masks)
    if prediction.segment_ids_HW is not None:
        result |= _segments(prediction, labels)
    elif prediction.semantic_HW is not None:
        counts = np.bincount(prediction.semantic_HW.ravel(), minlength=len(labels))
        result["label_map"] = _png(prediction.semantic_HW)
        result["classes"] = [
            {"label": labels.labels[i].name, "fraction": round(float(n / counts.sum()), 6)}
            for i, n in enumerate(counts[: len(labels)])
            if n
        ]
    return result


def _objects(
    prediction: Prediction,
    labels: LabelSpace,
    threshold: float,
    class_thresholds: Mapping[str, float],
    masks: str,
) -> list[dict[str, Any]]:
    assert prediction.boxes_N4 is not None
    assert prediction.labels_N is not None
    assert prediction.scores_N is not None
    objects = []
    for i in np.argsort(-prediction.scores_N, kind="stable"):
        name = labels.labels[prediction.labels_N[i]].name
        score = float(prediction.scores_N[i])
        if score < class_thresholds.get(name, threshold):
            continue
        item: dict[str, Any] = {
            "label": name,
            "score": round(score, 6),
            "box": [round(float(v), 2) for v in prediction.boxes_N4[i]],
        }
        if prediction.masks is not None and masks == "polygon":
            item["polygons"] = polygons(prediction.masks[i])
        elif prediction.masks is not None and masks == "rle":
            rle = prediction.masks[i]
            counts = rle["counts"]
            item["mask"] = {
                "size": [int(v) for v in rle["size"]],
                "counts": counts.decode("ascii") if isinstance(counts, bytes) else counts,
            }
        objects.append(item)
    return objects


def _segments(prediction: Prediction, labels: LabelSpace) -> dict[str, Any]:
    assert prediction.segment_ids_HW is not None
    assert prediction.segment_ids_N is not None
    assert prediction.labels_N is not None
    ids = prediction.segment_ids_HW.astype(np.uint32)
    bgr_HW3 = np.stack([ids >> 16 & 255, ids >> 8 & 255, ids & 255], axis=-1).astype(np.uint8)
    scores = prediction.scores_N
    return {
        "segment_map": _png(bgr_HW3),
        "segments": [
            {
                "id": int(segment_id),
                "label": labels.labels[label].name,
                "score": round(float(scores[i]), 6) if scores is not None else None,
            }
            for i, (segment_id, label) in enumerate(
                zip(prediction.segment_ids_N, prediction.labels_N, strict=True)
            )
        ],
    }


def _png(array: NDArray[Any]) -> str:
    ok, encoded = cv2.imencode(".png", array)
    assert ok
    return base64.b64encode(encoded.tobytes()).decode("ascii")
