"""The model as an MLflow pyfunc: loads in a clean process, with the code it needs inside.

Written as "models from code" (no pickle): MLflow runs `model_code.py` to get the model.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import mlflow
import numpy as np
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import Model, ModelSignature
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema

from cvcore.errors import DataError
from cvcore.serve import artifact, payload
from cvcore.serve.mask_forms import MASKS, check_masks
from cvcore.serve.requirements import pinned

ARTIFACT = "model"
MODEL_URI_TAG = "lakesight.model_uri"


class LakesightModel(mlflow.pyfunc.PythonModel):
    """Answers a column `image` of base64 text with one JSON text per row."""

    def load_context(self, context: Any) -> None:
        """Load the model folder that was logged."""
        from cvcore.serve.predictor import Predictor

        self.predictor = Predictor.load(Path(context.artifacts[ARTIFACT]))

    def predict(
        self,
        context: Any,  # noqa: ARG002 (MLflow passes it)
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,
    ) -> pd.DataFrame:
        """Return a frame with one column `answer`: the JSON of `payload.answer` for each row.

        Args:
            context: MLflow's.
            model_input: a column `image`: encoded images as base64 text.
            params: `score_threshold` (below 0: the model's own), `masks` (rle, polygon, none).

        Raises:
            MlflowException: an image or a parameter that can't be used, in a sentence that names the
                row; a scoring server answers 400.
        """
        given = params or {}
        threshold = float(given.get("score_threshold", -1.0))
        with _bad_request():
            masks = check_masks(str(given.get("masks", MASKS[0])))
            refs = []
            for row, value in enumerate(model_input["image"]):
                try:
                    refs.append(payload.image_ref(value, f"of row {row}"))
                except DataError as error:
                    raise DataError(f"row {row}: {error}") from error
            answers = self.predictor.answers(refs, None if threshold < 0 else threshold, masks)
            texts = [json.dumps(a) for a in answers]
            if (size := sum(map(len, texts))) > payload.MAX_ANSWER_BYTES:
                raise DataError(
                    f"the answer has {size:,} bytes; at most {payload.MAX_ANSWER_BYTES:,} are given. "
                    "Send fewer images at once, a higher score_threshold, or masks=none."
                )
        return pd.DataFrame({"answer": texts})


@contextmanager
def _bad_request() -> Iterator[None]:
    """Raise a user's fault as what a scoring server answers with 400 and its message."""
    try:
        yield
    except DataError as error:
        raise MlflowException(str(error), error_code=INVALID_PARAMETER_VALUE) from error


def signature() -> ModelSignature:
    """Return the signature: `image` (base64 text) -> `answer` (JSON text)."""
    return ModelSignature(
        inputs=Schema([ColSpec(DataType.string, "image")]),
        outputs=Schema([ColSpec(DataType.string, "answer")]),
        params=ParamSchema(
            [
                ParamSpec("score_threshold", DataType.double, -1.0),
                ParamSpec("masks", DataType.string, MASKS[0]),
            ]
        ),
    )


def example(size_hw: Sequence[int]) -> pd.DataFrame:
    """Return an input that the model takes: one grey picture of its size, as an endpoint gets it."""
    ok, encoded = cv2.imencode(".png", np.full((*size_hw, 3), 128, np.uint8))
    assert ok
    return pd.DataFrame({"image": [base64.b64encode(encoded.tobytes()).decode("ascii")]})


def log_model(folder: Path, uri: str, run_id: str, register_as: str | None = None) -> str:
    """Log a saved model folder to an MLflow run, whose status stays; return the model's URI.

    Args:
        folder: what `artifact.save` wrote.
        uri: MLflow tracking URI.
        run_id: of an existing run.
        register_as: also make a version of this registered model.
    """
    from cvcore.serve.register.publish import publish

    return publish(folder, uri, run_id, register_as).uri


def log(
    folder: Path,
    uri: str,
    run_id: str,
    register_as: str | None = None,
    extra: Mapping[str, str] | None = None,
    packages: Mapping[str, str] | None = None,
    about: Mapping[str, str] | None = None,
) -> Any:
    """Log a saved model folder and return MLflow's ModelInfo.

    Args:
        folder: what `artifact.save` wrote.
        uri: MLflow tracking URI.
        run_id: of an existing run.
        register_as: also make a version of this registered model.
        extra: further files to put beside the model, by name.
        packages: versions that it was trained with; others are those installed here.
        about: further metadata of the MLflow model.
    """
    described = artifact.read(folder)
    mlflow.set_tracking_uri(uri)
    client = mlflow.MlflowClient(uri)
    # Made by hand: MLflow would put it into the experiment that is active in this process. No run is
    # active either, because leaving one ends it.
    experiment_id = client.get_run(run_id).info.experiment_id
    logged = client.create_logged_model(experiment_id, name="model", source_run_id=run_id)
    return Model.log(
        artifact_path=None,
        name="model",
        flavor=mlflow.pyfunc,
        run_id=run_id,
        model_id=logged.model_id,
        registered_model_name=register_as,
        **_content(folder, described, extra, packages, about),
    )


def save_model(folder: Path, target: Path) -> None:
    """Write a saved model folder as an MLflow model, without any tracking server.

    Args:
        folder: what `artifact.save` wrote.
        target: a new folder.

    Raises:
        ModelError: the folder is not a whole Lakesight model.
    """
    mlflow.pyfunc.save_model(path=str(target), **_content(folder, artifact.read(folder)))


def _content(
    folder: Path,
    described: artifact.Artifact,
    extra: Mapping[str, str] | None = None,
    packages: Mapping[str, str] | None = None,
    about: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return what both `log` and `save_model` put into the MLflow model."""
    return {
        "python_model": str(Path(__file__).with_name("model_code.py")),
        "artifacts": {ARTIFACT: str(folder), **(extra or {})},
        "code_paths": [str(Path(__file__).parents[1])],
        "signature": signature(),
        "input_example": example(described.model.image_size),
        "pip_requirements": pinned(packages),
        "metadata": {
            "task": described.task.kind,
            "label_space": described.labels.hash,
            "classes": described.labels.names,
            "score_threshold": described.score_threshold,
            "class_thresholds": described.class_thresholds,
            "licence": described.model.licence,
            "data_fingerprint": described.fingerprint,
            **(about or {}),
        },
    }
