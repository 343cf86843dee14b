"""Sends images to an endpoint and gives the answers back."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from launch.serving.types import EndpointError, Endpoints, RequestRefused

MAX_REQUEST_BYTES = 16 * 2**20
"""Source: Databricks Model Serving limits; local endpoints keep to it too."""


@dataclass(frozen=True)
class Answers:
    """What an endpoint said.

    Attributes:
        answers: one for each image, as `cvcore.serve.payload.answer` describes.
        served: the version that answered; "" if the endpoint does not tell.
        seconds: from sending to the whole answer.
        sent_bytes: of the request.
        answer_bytes: of the answers.
        model_s: what of `seconds` the model's server took; None if the endpoint does not tell.
    """

    answers: list[dict[str, Any]]
    served: str
    seconds: float
    sent_bytes: int
    answer_bytes: int
    model_s: float | None = None


def body_of(
    images: Sequence[bytes], score_threshold: float | None = None, masks: str = ""
) -> dict[str, Any]:
    """Return a request's body.

    Args:
        images: encoded (JPEG, PNG ...).
        score_threshold: objects from this score on; None: the model's own thresholds.
        masks: rle, polygon or none; "": as the model likes.
    """
    data = [[base64.b64encode(image).decode("ascii")] for image in images]
    body: dict[str, Any] = {"dataframe_split": {"columns": ["image"], "data": data}}
    params: dict[str, Any] = {}
    if score_threshold is not None:
        params["score_threshold"] = score_threshold
    if masks:
        params["masks"] = masks
    return {**body, "params": params} if params else body


def ask(
    endpoints: Endpoints,
    name: str,
    images: Sequence[bytes],
    score_threshold: float | None = None,
    masks: str = "",
) -> Answers:
    """Return an endpoint's answers.

    Args:
        endpoints: of the place that has it.
        name: of the endpoint.
        images: encoded (JPEG, PNG ...); 16 MB in all, after base64.
        score_threshold: objects from this score on, 0..1; None: the model's own thresholds.
        masks: rle, polygon or none; "": as the model likes.

    Raises:
        RequestRefused: the request is the caller's fault: a bad image, too many bytes.
        EndpointError: the endpoint does not answer, or not as one of ours.
    """
    body = body_of(images, score_threshold, masks)
    size = len(json.dumps(body))
    if size > MAX_REQUEST_BYTES:
        raise RequestRefused(
            f"the request has {size:,} bytes; an endpoint takes at most {MAX_REQUEST_BYTES:,}, which "
            "is some 12 MB of images before base64. Send fewer or smaller images."
        )
    started = time.perf_counter()
    got, served, model_s = endpoints.post(name, body)
    seconds = time.perf_counter() - started
    texts = texts_of(got, len(images))
    try:
        answers = [json.loads(text) for text in texts]
    except ValueError as error:
        raise EndpointError(f"endpoint {name} gave something that is not JSON: {error}") from error
    return Answers(answers, served, seconds, size, sum(map(len, texts)), model_s)


def texts_of(got: dict[str, Any], expected: int) -> list[str]:
    """Return the answers' texts of a scoring server's response.

    Raises:
        EndpointError: it is not one of a Lakesight model.
    """
    rows = got.get("predictions")
    if isinstance(rows, dict):
        rows = rows.get("answer")
    texts = [row.get("answer") if isinstance(row, dict) else row for row in rows or []]
    if len(texts) != expected or not all(isinstance(text, str) for text in texts):
        raise EndpointError(
            "the endpoint does not serve a Lakesight model: it gave no column 'answer' with a text "
            f"for each of {expected} images, but {str(got)[:200]}"
        )
    return [str(text) for text in texts]
