"""The model of an evaluation, from MLflow to this machine. Torch-free; imports MLflow."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from cvcore.evaluate.configuration import has_own_data
from cvcore.evaluate.job import EvaluationJob
from cvcore.serve.register.fetch import fetch
from cvcore.train.frozen import OVERRIDES, read_overrides, write_overrides

_FOLDER = "model"


def bring(job: EvaluationJob, folder: Path, uri: str, places: Sequence[str] = ()) -> EvaluationJob:
    """Return a job whose model is in a run's folder; what its run was made from lies beside it.

    Args:
        job: its `source` is the run with the model.
        folder: of the evaluation.
        uri: MLflow tracking URI.
        places: overrides that say where this machine keeps the data, e.g. data.cache_dir=...; they
            are of the model's run, so that its data stay its own.

    Raises:
        ModelError: it can't be had.
    """
    into = folder / _FOLDER
    shutil.rmtree(into, ignore_errors=True)  # half of one, of an earlier attempt
    into.mkdir(parents=True)
    model = fetch(uri, job.source, into)
    overrides = tuple(job.overrides)
    if has_own_data(overrides):
        known = read_overrides(into) if (into / OVERRIDES).is_file() else []
        write_overrides(into, [*known, *places])
    else:
        overrides = (*overrides, *places)
    return replace(job, model=str(model), overrides=overrides, source="")
