"""A smoke test: one image is sent, the answer is held to what a model of ours says of an image."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cvcore.errors import LakesightError
from launch.serving.ask import ask
from launch.serving.types import Endpoints

_SIDE_PX = 320


@dataclass(frozen=True)
class Smoke:
    """What came of it.

    Attributes:
        ok: whether the answer is as it should be.
        message: a sentence.
        sent: which image was sent.
        served: the version that answered.
        seconds: of the answer.
        faults: what is wrong with the answer.
        answer: itself.
    """

    ok: bool
    message: str
    sent: str
    served: str = ""
    seconds: float = 0.0
    faults: list[str] = field(default_factory=list)
    answer: dict[str, Any] = field(default_factory=dict)


def smoke(endpoints: Endpoints, name: str, image: Path | None = None) -> Smoke:
    """Send an image and check the answer; what is wrong is in the result.

    Args:
        endpoints: of a place.
        name: of the endpoint.
        image: a file; None: the model's own input example, or a grey picture where it is not here.

    Raises:
        LakesightError: there is no such endpoint, or the image is not one.
    """
    endpoints.get(name)
    data, sent = picture(endpoints, name, image)
    size_hw = _size(data, sent)
    try:
        got = ask(endpoints, name, [data])
    except LakesightError as error:
        return Smoke(False, str(error), sent)
    from cvcore.serve.check_answer import faults

    found = faults(got.answers[0], size_hw)
    message = "; ".join(found) if found else _says(got.answers[0])
    return Smoke(not found, message, sent, got.served, got.seconds, found, got.answers[0])


def _says(answer: dict[str, Any]) -> str:
    for key in ("objects", "segments", "classes"):
        if key in answer:
            return (
                f"{len(answer[key])} {key} in an image of {answer['size'][1]} x {answer['size'][0]}"
            )
    return "an answer"


def picture(endpoints: Endpoints, name: str, image: Path | None = None) -> tuple[bytes, str]:
    """Return an encoded picture to send, and what it is; see `smoke`."""
    if image is not None:
        try:
            return image.read_bytes(), str(image)
        except OSError as error:
            raise LakesightError(f"image {image} can't be opened ({error.strerror}).") from error
    example = _example(endpoints, name)
    if example is not None:
        return example, "the model's input example"
    import cv2
    import numpy as np

    ok, encoded = cv2.imencode(".png", np.full((_SIDE_PX, _SIDE_PX, 3), 128, np.uint8))
    assert ok
    return encoded.tobytes(), f"a grey picture of {_SIDE_PX} x {_SIDE_PX}"


def _example(endpoints: Endpoints, name: str) -> bytes | None:
    """Return the input example of a model that is served here."""
    models = getattr(endpoints, "models_dir", None)
    if models is None:
        return None
    for served in endpoints.get(name).served:
        path = models(name) / served.name / "serving_input_example.json"
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            return base64.b64decode(values["dataframe_split"]["data"][0][0])
        except (OSError, ValueError, KeyError, IndexError, TypeError):
            continue
    return None


def _size(data: bytes, sent: str) -> tuple[int, int]:
    from cvcore.data.images import header_size
    from cvcore.data.records import ImageRef

    return header_size(ImageRef(data=data, name=sent))
