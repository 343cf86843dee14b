"""Which run a person means, and where its model lies."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cvcore.errors import ModelError
from cvcore.metrics.mlflow_run import identity_of
from cvcore.serve.find import LATEST, model_folder
from launch.errors import UnknownRun
from launch.ledger import Ledger
from launch.ledger_run import LedgerRun
from launch.registry.errors import RegistryError
from launch.tags import MODEL_URI


@dataclass(frozen=True)
class Source:
    """A run whose model can be registered.

    Attributes:
        run_id: of MLflow.
        tracking_uri: where that run is.
        folder: saved model folder on this machine; None: it is in MLflow's artifacts only.
        experiment: of the run, "" if it was found by its folder.
        title: of the run.
    """

    run_id: str
    tracking_uri: str
    folder: Path | None
    experiment: str = ""
    title: str = ""


def source_of(word: str, tracking_uri: str = "") -> Source:
    """Return the run that a person means.

    Args:
        word: a run's folder (or its `best`, or `runs/latest`), the start of its id, or its title.
        tracking_uri: of MLflow; "": the folder's own, else MLFLOW_TRACKING_URI, else this folder's.

    Raises:
        RegistryError: the folder's run is not known, or it has no model.
        UnknownRun: there is no such run.
    """
    path = Path(word).expanduser()
    if path.exists() or path.name == LATEST:
        return _of_folder(path, tracking_uri)
    ledger = Ledger(tracking_uri)
    run = find_run(ledger, word)
    local: Path | None = None
    if run.folder is not None:
        try:
            local = model_folder(run.folder).absolute()
        except ModelError as error:
            # A run of a workspace left only what it submitted here: its model is in MLflow.
            if not run.tags.get(MODEL_URI):
                raise RegistryError(f"run {run.title or run.run_id[:8]}: {error}") from error
    return Source(run.run_id, ledger.uri, local, run.experiment, run.title)


def _of_folder(path: Path, tracking_uri: str) -> Source:
    folder = model_folder(path).absolute()
    known = identity_of(folder.parent) or identity_of(folder)
    if known is None:
        raise RegistryError(
            f"{folder} belongs to no MLflow run: there is no run.json beside it. Give the id of its "
            "run, or the run's own folder; a version without a run has no lineage."
        )
    return Source(known.run_id, Ledger(tracking_uri or known.uri).uri, folder)


def find_run(ledger: Ledger, word: str) -> LedgerRun:
    """Return a run by what `lakesight runs` shows, or any run by its whole id.

    Raises:
        UnknownRun: there is none.
    """
    try:
        return ledger.find(word)
    except UnknownRun:
        if len(word) == 32 and word.isalnum():
            return ledger.get(word)
        raise
