"""The model of a run that is not on this machine, from MLflow's artifacts."""

from __future__ import annotations

import contextlib
from pathlib import Path

from cvcore.errors import ModelError
from cvcore.metrics import server
from cvcore.serve.artifact import FILE
from cvcore.serve.pyfunc import MODEL_URI_TAG
from cvcore.train.frozen import OVERRIDES

BESIDE = ("report", OVERRIDES, "environment.json")


def fetch(uri: str, run_id: str, into: Path, model_uri: str = "") -> Path:
    """Return the saved model folder of a run, with its reports beside it as in the run's folder.

    Args:
        uri: MLflow tracking URI.
        run_id: of the run.
        into: an empty folder.
        model_uri: of the model in MLflow; "": the one that the run logged.

    Raises:
        ModelError: the run logged no model, or it can't be had.
    """
    import mlflow

    client = server.client(uri)
    try:
        tags = client.get_run(run_id).data.tags
        source = model_uri or tags.get(MODEL_URI_TAG, "")
        if not source:
            raise ModelError(
                f"run {run_id} has logged no model: it has not ended well, or was trained with "
                "tracking.log_model=false."
            )
        mlflow.artifacts.download_artifacts(
            artifact_uri=source, dst_path=str(into / "logged"), tracking_uri=uri
        )
        for name in BESIDE:
            with contextlib.suppress(Exception):  # not every run has each
                client.download_artifacts(run_id, name, str(into))
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(
            f"the model of run {run_id} can't be fetched: {server.in_words(error)}."
        ) from error
    found = next(iter(sorted((into / "logged").rglob(FILE))), None)
    if found is None:
        raise ModelError(f"the logged model of run {run_id} is not one of Lakesight: no {FILE}.")
    return found.parent.rename(into / "best")
