"""The batches of the ledger: which there are, how far, and what is done to them. Blocking."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from cvcore.batch.job import BatchJob
from cvcore.batch.progress import BatchProgress, read_progress
from cvcore.config.overrides import assign, select
from cvcore.data.places import localise
from cvcore.errors import DataError, LakesightError
from launch.base import RunState, RunStatus
from launch.batch.submit import BATCH, job_of, resume, submit
from launch.cancel import cancel as cancel_run
from launch.ledger_run import LedgerRun
from launch.watch import Watch
from panel_app.services import Services

HERE = "local"
PLACES = {
    HERE: "this machine",
    "databricks_cluster": "Databricks, a new job cluster",
    "databricks_job": "Databricks, a deployed job",
}
"""Option of the group `compute` -> where that is."""

_MOST = 50


@dataclass(frozen=True)
class Batch:
    """A batch.

    Attributes:
        run: of the ledger.
        status: how it is.
        job: what it was to do; None: that is known on another machine.
        progress: how far it is; None: not known, or not begun.
    """

    run: LedgerRun
    status: RunStatus
    job: BatchJob | None
    progress: BatchProgress | None

    @property
    def is_here(self) -> bool:
        """Whether its output is read on this machine."""
        return self.job is not None and self.job.state.is_dir()

    @property
    def is_new_start(self) -> bool:
        """Whether the progress is that of an earlier start, as this one has not come so far."""
        began = self.status.started_at
        stale = self.progress is not None and began is not None
        return stale and self.progress is not None and self.progress.updated_at < (began or 0) - 1


def listed(services: Services) -> list[Batch]:
    """Return the batches, newest first.

    Raises:
        LaunchError: the tracking server does not answer.
    """
    runs = services.ledger.runs(limit=_MOST, kind=BATCH)
    told = Watch(services.ledger).look(runs)
    return [_batch(run, told[run.run_id]) for run in runs]


def one(services: Services, run_id: str) -> Batch:
    """Return a batch.

    Raises:
        LakesightError: there is none of this id, or the tracking server does not answer.
    """
    run = services.ledger.get(run_id)
    if run.tags.get("lakesight.kind") != BATCH:
        raise DataError(f"run {run_id[:8]} is no batch. See it on the page Train or History.")
    return _batch(run, Watch(services.ledger).look([run])[run.run_id])


def start(
    services: Services, job: BatchJob, place: str, overrides: Sequence[str], user: str
) -> str:
    """Hand a batch over; return the id of its run.

    Args:
        services: of the process.
        job: its model is a word as `lakesight batch` takes it.
        place: key of PLACES.
        overrides: further ones of `compute` and `trainer`.
        user: who starts it.

    Raises:
        LakesightError: it can't be done; nothing was started.
    """
    if place == HERE:
        roots = services.roots
        job = replace(job, source=str(roots.resolve(job.source)), out=str(roots.resolve(job.out)))
    words = [select("compute", place), *overrides, assign("tracking.uri", services.ledger.uri)]
    done = submit(job, words, ledger_uri=services.ledger.uri, user=user)
    return done.handle.run_id


def cancel(batch: Batch, user: str) -> None:
    """Ask a batch to stop: what it has answered stays.

    Raises:
        LakesightError: its launcher does not know it.
    """
    cancel_run(batch.run, user)


def go_on(services: Services, batch: Batch, user: str) -> None:
    """Go on with a batch that ended before its end.

    Raises:
        LakesightError: it can't be.
    """
    if batch.job is not None and batch.run.handle.launcher == HERE:
        services.roots.resolve(batch.job.source)
        services.roots.resolve(batch.job.out)
    resume(batch.run, services.ledger, user=user)


def state_of(batch: Batch) -> str:
    """Return a line on how far it is."""
    now, state = batch.progress, batch.status.state
    if state in (RunState.PENDING, RunState.QUEUED):
        return batch.status.reason or "waits to be started"
    if now is None or (state is RunState.RUNNING and batch.is_new_start):
        return "the images are listed and the model is loaded" if not state.is_final else ""
    parts = [f"{now.done:,} of {now.total:,} images"]
    if state is RunState.RUNNING:
        if now.per_s:
            parts.append(f"{now.per_s:.1f} images/s")
        if now.eta_s is not None and now.done < now.total:
            parts.append(f"about {_duration(now.eta_s)} left")
        if now.workers:
            parts.append(f"{now.workers} worker{'s' if now.workers > 1 else ''}")
    if now.resumed:
        parts.append(f"{now.resumed:,} were done by an earlier start")
    if now.bad:
        parts.append(f"{now.bad:,} could not be read")
    return ", ".join(parts)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(seconds, 1):.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def _batch(run: LedgerRun, status: RunStatus) -> Batch:
    try:
        job = job_of(run)
    except LakesightError:
        return Batch(run, status, None, None)
    try:
        progress = read_progress(localise(job.out))
    except (OSError, LakesightError):
        progress = None
    return Batch(run, status, job, progress)
