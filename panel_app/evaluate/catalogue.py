"""Which evaluations there are: of a run, and those made of its model later. Blocking."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cvcore.evaluate.report import SUMMARY
from launch.base import RunState
from launch.evaluation.submit import DATA, EVALUATION, MODEL, SOURCE, SPLIT
from launch.ledger_run import LedgerRun
from launch.tags import FOLDER, KIND, USER
from panel_app.services import Services

_LATER = "evaluations"
"""Where `lakesight evaluate` with overrides puts reports, in the run's folder."""


@dataclass(frozen=True)
class Found:
    """A finished evaluation.

    Attributes:
        run_id: of the MLflow run that has its files.
        path: of its folder below the run's files.
        model: what the model's run is called.
        split: train, val or test.
        data: in words: "own data", or the overrides.
        made_at: in words.
        metric: the figure that counts.
        value: of it; None where it is not defined.
        user: who made it.
    """

    run_id: str
    path: str
    model: str
    split: str
    data: str
    made_at: str
    metric: str
    value: float | None
    user: str

    @property
    def key(self) -> str:
        """What the address says of it."""
        return f"{self.run_id}/{self.path}"

    @property
    def title(self) -> str:
        """In a list."""
        figure = "" if self.value is None else f", {self.metric} {self.value:.4f}"
        return f"{self.split} of {self.data}{figure}, {self.made_at}"


def models(runs: Sequence[LedgerRun]) -> dict[str, str]:
    """Return the runs that have, or may have, a saved model: title -> id, newest first."""
    known: dict[str, str] = {}
    for run in runs:
        if run.tags.get(KIND) or run.is_sweep or not any("/" in key for key in run.metrics):
            continue
        title = run.title or run.run_id[:8]
        when = time.strftime("%d %b %H:%M", time.localtime(run.submitted_at))
        known[f"{title} ({when}, {run.run_id[:6]})"] = run.run_id
    return known


def evaluations_of(runs: Sequence[LedgerRun], run_id: str) -> list[LedgerRun]:
    """Return the runs that evaluated a run's model, newest first."""
    own = next((one for one in runs if one.run_id == run_id), None)
    folder = None if own is None else own.folder
    return [
        one
        for one in runs
        if one.tags.get(KIND) == EVALUATION
        and (
            one.tags.get(SOURCE) == run_id
            or (folder is not None and Path(one.tags.get(MODEL, "/")).parent == folder)
        )
    ]


def found(services: Services, runs: Sequence[LedgerRun], run_id: str) -> list[Found]:
    """Return the finished evaluations of a run's model, newest first.

    Raises:
        LaunchError: the tracking server does not answer.
    """
    own = next((one for one in runs if one.run_id == run_id), None)
    if own is None:
        return []
    title = own.title or own.run_id[:8]
    places = [
        (own, path.rpartition("/")[0], "") for path in services.artifacts.reports(own).values()
    ]
    folder = own.folder
    # What lies only in the folder of a run that the launcher has: the files of others are MLflow's.
    if folder is not None and own.tags.get(FOLDER):
        later = sorted(Path(folder, _LATER).glob(f"*/{SUMMARY}"), reverse=True)
        places += [(own, f"{_LATER}/{path.parent.name}", "other data") for path in later]
    for one in evaluations_of(runs, run_id):
        if one.mlflow_status == RunState.RUNNING.value:
            continue
        data = one.tags.get(DATA, "")
        places += [
            (one, path.rpartition("/")[0], data)
            for path in services.artifacts.reports(one).values()
        ]
    made = [_read(services, run, path, title, data) for run, path, data in places]
    return sorted((one for one in made if one is not None), key=lambda f: f.made_at, reverse=True)


def _read(services: Services, run: LedgerRun, path: str, title: str, data: str) -> Found | None:
    from cvcore.errors import LakesightError

    try:
        file = services.artifacts.file(run.run_id, f"{path}/{SUMMARY}")
        summary: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        primary = summary["primary"]
        return Found(
            run_id=run.run_id,
            path=path,
            model=title,
            split=run.tags.get(SPLIT, summary["split"]),
            data=data or "the run's own data",
            made_at=str(summary["certificate"].get("time", ""))[:16].replace("T", " "),
            metric=primary,
            value=summary["metrics"][primary]["value"],
            user=run.tags.get(USER, ""),
        )
    except (LakesightError, OSError, ValueError, KeyError, TypeError):
        return None  # half a report is none
