"""One partition of a Spark job: encoded images in, answers out, by the model as an MLflow pyfunc."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = "image STRING, error STRING, answer STRING"
"""What `predict_partition` gives, as Spark writes a schema."""

_ROW = re.compile(r"^row 0: | of row 0\b")


def predict_partition(
    frames: Iterator[pd.DataFrame],
    model: str,
    score_threshold: float | None = None,
    masks: str = "rle",
    batch_size: int = 16,
) -> Iterator[pd.DataFrame]:
    """Yield rows (image, error, answer) for rows (image, content), as `mapInPandas` wants it.

    Args:
        frames: `image` names an image, `content` is its encoded bytes.
        model: folder or URI of an MLflow model of ours; loaded once per process.
        score_threshold: objects from this score on; None: the model's own thresholds.
        masks: rle, polygon or none.
        batch_size: images that go through the model at once.
    """
    import pandas as pd

    params: dict[str, Any] = {"masks": masks}
    if score_threshold is not None:
        params["score_threshold"] = score_threshold
    for frame in frames:
        for start in range(0, len(frame), batch_size):
            part = frame.iloc[start : start + batch_size]
            found = _answers(_loaded(model), [_text(v) for v in part["content"]], params)
            names = [str(name) for name in part["image"]]
            errors, answers = zip(*found, strict=True)
            columns = {"image": names, "error": list(errors), "answer": list(answers)}
            yield pd.DataFrame(columns, dtype=object)


@lru_cache(maxsize=1)
def _loaded(model: str) -> Any:
    import mlflow

    return mlflow.pyfunc.load_model(model)


def _text(content: Any) -> str:
    return "" if content is None else base64.b64encode(bytes(content)).decode("ascii")


def _answers(
    model: Any, images: list[str], params: dict[str, Any]
) -> list[tuple[str | None, str | None]]:
    """Return (error, answer) of each; a bad image costs its batch a second try, one by one."""
    import pandas as pd

    try:
        answered = model.predict(pd.DataFrame({"image": images}), params=params)["answer"]
    except Exception as error:
        sentence = _sentence(error)
        if sentence is None:
            raise
        if len(images) == 1:
            return [(sentence, None)]
        return [_answers(model, [image], params)[0] for image in images]
    return [(None, str(answer)) for answer in answered]


def _sentence(error: Exception) -> str | None:
    """Return what is wrong with an image; None: the fault is the model's or the machine's.

    The model brings its own code, so its errors are known by their names.
    """
    code = getattr(error, "error_code", "")
    if code == "INVALID_PARAMETER_VALUE" or type(error).__name__ == "DataError":
        return _ROW.sub("", str(getattr(error, "message", error)))
    return None
