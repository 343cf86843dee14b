"""A batch inference on Spark: in the node's own process, the only one that has the session."""

from __future__ import annotations

import contextlib
import io
import json
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from cvcore.batch.job import BatchJob, saved_model
from cvcore.data.places import localise
from cvcore.errors import LakesightError
from cvcore.serve import artifact
from launch.node.layout import NodeSpec
from launch.node.process import Sink

FILE = "batch.json"
_USER_FAULT = 2
_CANCELED = 143
_LOOK_S = 0.5


def run_here(
    spec: NodeSpec,
    folder: Path,
    sink: Sink,
    must_stop: Callable[[], bool],
    session: Callable[[], Any] | None = None,
) -> int:
    """Predict by Spark; return the exit code.

    Args:
        spec: of the run.
        folder: the run's folder on this machine, with `batch.json`.
        sink: takes what is said.
        must_stop: asked all the time; once it is true Spark's jobs are cancelled.
        session: returns the SparkSession; None: the cluster's.
    """
    spark = (session or _session)()
    failed: list[BaseException] = []

    def run() -> None:
        try:
            sink.note(f"written: {predict(spec, folder, spark, sink)}")
        except BaseException as error:  # noqa: BLE001 (an edge: Spark raises what it likes)
            failed.append(error)

    thread = threading.Thread(target=run, name="batch", daemon=True)
    stopped = False
    with contextlib.redirect_stdout(_Text(sink)):
        thread.start()
        while thread.is_alive():
            if must_stop() and not stopped:
                stopped = True
                spark.sparkContext.cancelAllJobs()
            thread.join(_LOOK_S)
    if stopped:
        return _CANCELED
    if failed:
        error = failed[0]
        ours = isinstance(error, LakesightError)
        sink.note(f"error: {error}" if ours else f"{type(error).__name__}: {error}")
        return _USER_FAULT if ours else 1
    return 0


def predict(spec: NodeSpec, folder: Path, spark: Any, sink: Sink) -> str:
    """Bring the model to the Volume, predict, return what was written."""
    from cvcore.batch import spark as batch

    job = BatchJob.from_dict(json.loads((folder / FILE).read_text(encoding="utf-8")))
    if job.model.startswith("models:/"):
        job = replace(job, model=_fetch(spec, job.model, sink))
    kind = artifact.read(saved_model(job.model)).task.kind
    return batch.run(spark, job, kind, f"lakesight-{spec.run.run_id}")


def _fetch(spec: NodeSpec, uri: str, sink: Sink) -> str:
    """Bring a registered version where every machine of the cluster reads it; return the folder."""
    import mlflow
    from mlflow.artifacts import download_artifacts

    target = f"{spec.folder.path}/model"
    if not (localise(target) / "MLmodel").is_file():
        sink.note(f"fetching {uri}")
        mlflow.set_registry_uri("databricks-uc")
        localise(target).mkdir(parents=True, exist_ok=True)
        download_artifacts(artifact_uri=uri, dst_path=str(localise(target)))
    return target


def _session() -> Any:
    from pyspark.sql import SparkSession

    return SparkSession.builder.getOrCreate()


class _Text(io.TextIOBase):
    """Where print goes meanwhile."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def write(self, text: str) -> int:
        self._sink.write(text.encode())
        return len(text)
