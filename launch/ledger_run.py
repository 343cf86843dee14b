"""A run as the ledger has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from launch.base import RunHandle, RunState, RunStatus
from launch.tags import (
    ATTEMPT,
    ENDED_AT,
    EXTERNAL_ID,
    FOLDER,
    GENERATION,
    LAUNCHER,
    OURS,
    PARENT,
    REASON,
    STARTED_AT,
    STATE,
    SUBMITTED_AT,
    SWEEP,
    USER,
)

_OF_MLFLOW = {
    "SCHEDULED": RunState.QUEUED,
    "RUNNING": RunState.RUNNING,
    "FINISHED": RunState.SUCCEEDED,
    "FAILED": RunState.FAILED,
    "KILLED": RunState.CANCELED,
}


@dataclass(frozen=True)
class LedgerRun:
    """A run as the ledger has it.

    Attributes:
        run_id: of MLflow.
        title: what people call it.
        experiment: name of the MLflow experiment.
        mlflow_status: SCHEDULED, RUNNING, FINISHED, FAILED or KILLED.
        submitted_at: seconds since 1970 (UTC).
        ended_at: the same, or None.
        tags: all of them.
        params: what a training logged of its configuration, {"model.title": ...}, empty before it began.
        metrics: the newest value of each.
        step: optimizer steps done, as far as they were logged.
        experiment_id: of the MLflow experiment.
    """

    run_id: str
    title: str
    experiment: str
    mlflow_status: str
    submitted_at: float
    ended_at: float | None
    tags: Mapping[str, str]
    params: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    step: int = 0
    experiment_id: str = ""

    @property
    def is_submitted(self) -> bool:
        """Whether a launcher has it; a training of `lakesight train` has none."""
        return GENERATION in self.tags

    @property
    def handle(self) -> RunHandle:
        """How its launcher finds it."""
        tag = self.tags.get
        return RunHandle(tag(LAUNCHER, ""), self.run_id, tag(EXTERNAL_ID, ""), tag(FOLDER, ""))

    @property
    def folder(self) -> Path | None:
        """Its folder where it is on this machine, None where it is not; of `lakesight train` too."""
        known = self.tags.get(FOLDER, "") or self.params.get("run.dir", "")
        folder = Path(known)
        return folder if known.startswith("/") and folder.is_dir() else None

    @property
    def is_settled(self) -> bool:
        """Whether its launcher has said how it ended; then it is not asked again."""
        return self.tags.get(STATE, "") in {state for state in RunState if state.is_final}

    @property
    def is_sweep(self) -> bool:
        """Whether it is the parent of the runs of a sweep."""
        return SWEEP in self.tags

    @property
    def parent(self) -> str:
        """Id of the sweep it belongs to, or ""."""
        return self.tags.get(PARENT, "")

    @property
    def generation(self) -> int:
        """How often a person has resumed it."""
        return int(self.tags.get(GENERATION, "0"))

    @property
    def user(self) -> str:
        """Who submitted it."""
        return self.tags.get(USER, "")

    @property
    def own_tags(self) -> dict[str, str]:
        """The tags that people gave it: all but those of Lakesight and MLflow."""
        return {key: value for key, value in self.tags.items() if not key.startswith(OURS)}

    @property
    def status(self) -> RunStatus:
        """How it is, as far as the ledger knows."""
        state = _OF_MLFLOW.get(self.mlflow_status, RunState.PENDING)
        if self.is_settled:
            state = RunState(self.tags[STATE])
        reason = "" if state is RunState.SUCCEEDED else self.tags.get(REASON, "")
        at, began = self.tags.get(ENDED_AT), self.tags.get(STARTED_AT)
        return RunStatus(
            state,
            reason,
            external_id=self.tags.get(EXTERNAL_ID, ""),
            submitted_at=self.submitted_at,
            started_at=float(began) if began and self.is_settled else None,
            ended_at=float(at) if at and self.is_settled else self.ended_at,
            attempt=int(self.tags.get(ATTEMPT, "0")),
        )


def of_mlflow(run: Any, experiment: str) -> LedgerRun:
    """Return a run of MLflow's client, of the experiment with that name."""
    info = run.info
    tags = dict(run.data.tags)
    ended = None if info.end_time is None else info.end_time / 1000
    submitted = float(tags.get(SUBMITTED_AT) or info.start_time / 1000)
    return LedgerRun(
        info.run_id,
        info.run_name or "",
        experiment,
        info.status,
        submitted,
        ended,
        tags,
        dict(run.data.params),
        dict(run.data.metrics),
        max((m.step for m in run.data._metric_objs if m.key == "train/loss"), default=0),
        str(info.experiment_id),
    )
