"""Whose model is evaluated: one in a folder of this machine, or one that a run left in MLflow."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cvcore.config.schema import Config
from cvcore.evaluate.configuration import composed, configuration
from cvcore.metrics import server
from cvcore.metrics.mlflow_run import identity_of
from cvcore.serve.artifact import FILE
from cvcore.serve.find import BEST, LATEST
from cvcore.train.frozen import OVERRIDES, read_overrides
from launch.errors import SubmitError, UnknownRun
from launch.ledger import Ledger
from launch.ledger_run import LedgerRun
from launch.registry.source import find_run
from launch.serving.models import resolve
from launch.tags import MODEL_URI


@dataclass(frozen=True)
class Subject:
    """A model to evaluate.

    Attributes:
        title: what people call it.
        run_id: of the run that trained it; "" if it is not known.
        folder: the saved model folder on this machine, absolute; None: it is in MLflow only.
        config: of its run, with the overrides of the evaluation on top.
        experiment: of that run; "" if it is not known.
    """

    title: str
    run_id: str
    folder: Path | None
    config: Config
    experiment: str = ""


def subject_of(
    word: str, overrides: Sequence[str], ledger: Ledger, *, remote: bool = False
) -> Subject:
    """Return the model that a word means, and what it would be evaluated with.

    Args:
        word: a run's folder, id or title, or a saved model folder.
        overrides: on top of the run's own.
        ledger: that has its run.
        remote: whether another machine evaluates it, which sees no folder of this one.

    Raises:
        LakesightError: there is none, it can't be had, or the overrides can't be used with it.
    """
    run = _run(word, ledger)
    if run is not None and not has_model(run):
        return _in_mlflow(run, overrides, ledger)
    found = resolve(word, ledger.uri)
    if not found.folder:
        raise SubmitError(
            f"{word} is a registered version. Evaluate the run it was made from: its folder, id or title."
        )
    folder = Path(found.folder).absolute()
    source = identity_of(folder.parent)
    if not remote:
        config = configuration(folder, overrides)
        return Subject(folder.parent.name, source.run_id if source else "", folder, config)
    try:
        run = run or (ledger.get(source.run_id) if source else None)
    except UnknownRun:
        run = None
    if run is None or not run.tags.get(MODEL_URI):
        raise SubmitError(
            f"the model {folder} is on this machine and not in the workspace's MLflow, where a node of "
            "Databricks would find it. Train with tracking=databricks, or evaluate it here: compute=local."
        )
    return _in_mlflow(run, overrides, ledger)


def has_model(run: LedgerRun) -> bool:
    """Whether the model of a run is in its folder on this machine."""
    return run.folder is not None and (run.folder / BEST / FILE).is_file()


def _run(word: str, ledger: Ledger) -> LedgerRun | None:
    path = Path(word).expanduser()
    # A run of a workspace leaves here a folder without its model: that is in MLflow.
    if path.name == LATEST or any((folder / FILE).is_file() for folder in (path, path / BEST)):
        return None
    try:
        return find_run(ledger, word)
    except UnknownRun:
        return None


def _in_mlflow(run: LedgerRun, overrides: Sequence[str], ledger: Ledger) -> Subject:
    title, kind = run.title or run.run_id[:8], run.params.get("task.kind", "")
    if not run.tags.get(MODEL_URI) or not kind:
        raise SubmitError(
            f"run {title} has no model, neither in a folder of this machine nor in MLflow: it has not "
            "ended well, or was trained with tracking.log_model=false."
        )
    with tempfile.TemporaryDirectory() as temporary:
        try:
            ledger.client.download_artifacts(run.run_id, OVERRIDES, temporary)
            known = read_overrides(Path(temporary))
        except Exception as error:
            raise SubmitError(
                f"what run {title} was made from can't be read from MLflow: {server.in_words(error)}."
            ) from error
    config = composed(known, overrides, kind, title)
    return Subject(title, run.run_id, None, config, run.experiment)
