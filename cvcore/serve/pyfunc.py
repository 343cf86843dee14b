"""The model as an MLflow pyfunc: loads in a clean process, with the code it needs inside.

Written as "models from code" (no pickle): MLflow runs `model_code.py` to get the model.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import mlflow
import numpy as np
import pandas as pd
from mlflow.models import Model, ModelSignature
from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema

from cvcore.errors import DataError
from cvcore.serve import artifact, payload
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
            params: `score_threshold` (below 0: the model's own).

        Raises:
            DataError: an image that can't be used; the message names the row.
        """
        threshold = float((params or {}).get("score_threshold", -1.0))
        refs = []
        for row, value in enumerate(model_input["image"]):
            try:
                refs.append(payload.image_ref(value))
            except DataError as error:
                raise DataError(f"row {row}: {error}") from error
        answers = self.predictor.answers(refs, None if threshold < 0 else threshold)
        return pd.DataFrame({"answer": [json.dumps(a) for a in answers]})


def signature() -> ModelSignature:
    """Return the signature: `image` (base64 text) -> `answer` (JSON text)."""
    return ModelSignature(
        inputs=Schema([ColSpec(DataType.string, "image")]),
        outputs=Schema([ColSpec(DataType.string, "answer")]),
        params=ParamSchema([ParamSpec("score_threshold", DataType.double, -1.0)]),
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
    described = artifact.read(folder)
    mlflow.set_tracking_uri(uri)
    client = mlflow.MlflowClient(uri)
    # Made by hand: MLflow would put it into the experiment that is active in this process. No run is
    # active either, because leaving one ends it.
    experiment_id = client.get_run(run_id).info.experiment_id
    logged = client.create_logged_model(experiment_id, name="model", source_run_id=run_id)
    info = Model.log(
        artifact_path=None,
        name="model",
        flavor=mlflow.pyfunc,
        run_id=run_id,
        model_id=logged.model_id,
        python_model=str(Path(__file__).with_name("model_code.py")),
        artifacts={ARTIFACT: str(folder)},
        code_paths=[str(Path(__file__).parents[1])],
        signature=signature(),
        input_example=example(described.model.image_size),
        pip_requirements=pinned(),
        registered_model_name=register_as,
        metadata={
            "task": described.task.kind,
            "label_space": described.labels.hash,
            "licence": described.model.licence,
            "data_fingerprint": described.fingerprint,
        },
    )
    return str(info.model_uri)
