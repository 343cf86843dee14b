"""The states of a run, the same for every launcher."""

from __future__ import annotations

from enum import StrEnum


class RunState(StrEnum):
    """Where a run is.

    A launcher that is told a state it does not know keeps what it last knew and polls again: an
    unknown state is never a success, and never an end.
    """

    PENDING = "PENDING"
    """Handed over; the platform prepares it (a cluster starts)."""
    QUEUED = "QUEUED"
    """Waits for its turn, or for its next attempt."""
    RUNNING = "RUNNING"
    """The training's process runs."""
    SUCCEEDED = "SUCCEEDED"
    """Ended with exit code 0."""
    FAILED = "FAILED"
    """Ended otherwise; the reason says why."""
    CANCELED = "CANCELED"
    """Ended because a person asked."""
    LOST = "LOST"
    """It is gone and nothing is left that says how it ended."""

    @property
    def is_final(self) -> bool:
        """Whether nothing further happens unless a person resumes the run."""
        return self in _FINAL

    @property
    def mlflow_status(self) -> str:
        """The status of its MLflow run: SCHEDULED, RUNNING, FINISHED, FAILED or KILLED."""
        return _MLFLOW[self]


_FINAL = frozenset({RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELED, RunState.LOST})
_MLFLOW = {
    RunState.PENDING: "SCHEDULED",
    RunState.QUEUED: "SCHEDULED",
    RunState.RUNNING: "RUNNING",
    RunState.SUCCEEDED: "FINISHED",
    RunState.FAILED: "FAILED",
    RunState.CANCELED: "KILLED",
    RunState.LOST: "FAILED",
}
