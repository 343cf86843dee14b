"""A batch inference as a run: in the ledger, in the queue, with logs, to be canceled.

On this machine it is `python -m cvcore.batch`; on Databricks a Spark job, see `launch.node.spark`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from cvcore.batch.job import BatchError, BatchJob
from cvcore.config.composer import Composer
from cvcore.config.schema import Config
from cvcore.metrics.mlflow_run import tracking_uri
from launch import work
from launch.account import account
from launch.activity.record import recorded
from launch.base import RunSpec
from launch.batch.model import model_folder
from launch.clock import Clock, SystemClock
from launch.errors import LaunchError, SubmitError
from launch.launchers import get_launcher
from launch.ledger import Ledger
from launch.ledger_run import LedgerRun
from launch.node.command import SPARK
from launch.node.spark import FILE
from launch.stage import new_folder
from launch.states import RunState
from launch.submit import GetLauncher, Submitted, overrides_of

BATCH = "batch"
_LOCAL = "cvcore.batch"


def submit(
    job: BatchJob,
    overrides: Sequence[str] = (),
    *,
    ledger_uri: str = "",
    launchers: GetLauncher = get_launcher,
    clock: Clock | None = None,
    user: str = "",
) -> Submitted:
    """Hand a batch over and return at once.

    Args:
        job: its `model` is a word as `lakesight batch` takes it.
        overrides: of `compute` and `tracking`, as of a training.
        ledger_uri: of the MLflow server; "": as the configuration says.
        launchers: returns the launcher of a kind.
        clock: gives the time of submission.
        user: who submits; "": the account of this process.

    Raises:
        LakesightError: it can't be; nothing was started.
    """
    config = Composer().load(overrides)
    ledger = Ledger(ledger_uri or tracking_uri(config))
    remote = config.compute.kind == "databricks"
    job = _remote(job, config) if remote else _local(job, ledger.uri, config)
    launcher = launchers(config.compute.kind)
    folder = new_folder(f"{time.strftime('%Y%m%d-%H%M%S')}-{BATCH}")
    who, at = user or account(), (clock or SystemClock()).now()
    described = {
        **work.described(BATCH, launcher, folder, overrides, at, who),
        **{f"lakesight.batch.{key}": str(getattr(job, key)) for key in ("model", "source", "out")},
    }
    run_id = ledger.create(config.tracking.experiment, folder.name, described)
    (folder / FILE).write_text(json.dumps(job.to_dict(), indent=1))
    spec = _spec(config, folder, run_id, ledger.uri, who, remote=remote)
    with recorded("launch", f"batch {folder.name}", user) as told:
        told.update(id=run_id, model=job.model, where=launcher.kind)
        handle = work.hand_over(launcher, spec, ledger)
    return Submitted(handle, folder.name, ledger.uri)


def resume(
    run: LedgerRun, ledger: Ledger, *, launchers: GetLauncher = get_launcher, user: str = ""
) -> Submitted:
    """Go on with a batch that ended before its end: the images that have an answer are not done again.

    Args:
        run: of the batch.
        ledger: that has it.
        launchers: returns the launcher of a kind.
        user: who resumes; "": the account of this process.

    Raises:
        SubmitError: it has not ended, has nothing left to do, or its folder is not here.
    """
    status = launchers(run.handle.launcher).poll([run.handle]).get(run.run_id, run.status)
    if not status.state.is_final:
        raise SubmitError(f"{run.title} is {status.state}: there is nothing to resume.")
    if status.state is RunState.SUCCEEDED:
        raise SubmitError(f"{run.title} has SUCCEEDED: every image has its answer.")
    folder = Path(run.handle.folder)
    if not (folder / FILE).is_file():
        raise SubmitError(
            f"the folder of {run.title}, {folder}, is not on this machine. Resume it where it is, or "
            "give the command that began it again."
        )
    config = Composer().load(overrides_of(run))
    remote = config.compute.kind == "databricks"
    generation = run.generation + 1
    spec = _spec(config, folder, run.run_id, ledger.uri, user or account(), remote=remote)
    with recorded("resume", f"batch {run.title}", user) as told:
        told["id"] = run.run_id
        ledger.reopen(run.run_id, generation)
        again = replace(spec, generation=generation)
        handle = work.hand_over(launchers(run.handle.launcher), again, ledger)
    return Submitted(handle, run.title, ledger.uri)


def job_of(run: LedgerRun) -> BatchJob:
    """Return what a batch was to do.

    Raises:
        LaunchError: its folder is not on this machine.
    """
    try:
        return BatchJob.from_dict(json.loads((Path(run.handle.folder) / FILE).read_text()))
    except (OSError, ValueError) as error:
        raise LaunchError(
            f"the folder of {run.title}, {run.handle.folder}, is not on this machine: what it was to do "
            "is known there."
        ) from error


def _spec(
    config: Config, folder: Path, run_id: str, uri: str, user: str, *, remote: bool
) -> RunSpec:
    module, file = SPARK if remote else _LOCAL, folder / FILE
    made = work.spec(
        BATCH, config, folder, run_id, module, file, title=folder.name, uri=uri, user=user
    )
    if not remote:
        return made
    return replace(
        made,
        # Spark spreads it over the workers by itself.
        num_devices=max(int(made.compute.get("num_workers") or 0), 1),
        tracking_uri=uri if uri.startswith("databricks") else "",
    )


def _local(job: BatchJob, uri: str, config: Config) -> BatchJob:
    """Return a batch with absolute paths, for a process elsewhere on this machine."""
    from cvcore.batch.inputs import kind_of
    from cvcore.batch.pool import require_format

    if config.compute.kind != "local":
        raise BatchError(
            f"a batch runs with compute=local or on Databricks, not with {config.compute.kind}."
        )
    found = replace(
        job,
        model=model_folder(job.model, uri),
        source=str(Path(job.source).expanduser().absolute()),
        out=str(Path(job.out).expanduser().absolute()),
    )
    kind_of(found)
    require_format(found)
    return found


def _remote(job: BatchJob, config: Config) -> BatchJob:
    """Return a batch that a cluster can do.

    Raises:
        LakesightError: it names what is of this machine, or no such model.
    """
    from cvcore.batch.spark import require_remote
    from launch.databricks.client import connect
    from launch.serving.databricks import latest

    require_remote(job)
    if job.model.startswith(("/Volumes/", "dbfs:")):
        return job
    name = job.model.removeprefix("models:/").partition("@")[0].partition("/")[0]
    if name.count(".") != 2:
        raise BatchError(
            f"the model {job.model} is of this machine. Give a version of Unity Catalog "
            "(catalog.schema.model/3 or @alias), or a model folder on a Volume."
        )
    profile = getattr(config.compute, "profile", None)
    return replace(job, model=latest(connect(SystemClock(), profile), job.model).uri)
