"""The jobs that a bundle has deployed, found by id, name or number of GPUs."""

from __future__ import annotations

from dataclasses import dataclass

from databricks.sdk import WorkspaceClient
from databricks.sdk.service.jobs import BaseJob

from cvcore.errors import did_you_mean
from launch.errors import SubmitError
from launch.node.layout import SPEC_PARAMETER

GPUS_TAG = "lakesight_gpus"
"""Tag of the bundle's jobs: how many GPUs their machine has."""


@dataclass(frozen=True)
class TrainingJob:
    """A job that runs `lakesight-node`; `max_retries` is the platform's own of its task."""

    job_id: int
    max_retries: int


def find(client: WorkspaceClient, asked: str | None, num_devices: int) -> TrainingJob:
    """Return the job to run.

    Args:
        client: of the workspace; sees the jobs that it may see.
        asked: an id or a name; None: the job tagged with the number of devices.
        num_devices: of the run.

    Raises:
        SubmitError: there is none, several, or it is not one of ours.
        DatabricksError: the workspace does not answer.
    """
    if asked is not None and asked.isdigit():
        job_id = int(asked)
    else:
        job_id = _by_name(client, asked) if asked else _by_gpus(client, num_devices)
    settings = client.jobs.get(job_id).settings
    declared = {p.name for p in (settings.parameters if settings else None) or []}
    if settings is None or SPEC_PARAMETER not in declared:
        raise SubmitError(
            f"job {asked or job_id} has no parameter {SPEC_PARAMETER!r}: it is not one of "
            "databricks.yml. Deploy it with `databricks bundle deploy`, and give that job's id."
        )
    retries = [task.max_retries or 0 for task in settings.tasks or []]
    return TrainingJob(job_id, max(retries, default=0))


def _by_name(client: WorkspaceClient, asked: str) -> int:
    found = [_id(job) for job in client.jobs.list(name=asked)]
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(map(str, found))
        raise SubmitError(f"{len(found)} jobs are called {asked!r}. Give compute.job=<id>: {ids}.")
    names = [_name(job) for job in client.jobs.list()]
    raise SubmitError(
        f"no job that may be seen is called {asked!r}.{did_you_mean(asked, names)} Give its id or "
        "name with compute.job=, deploy it with `databricks bundle deploy`, or ask for "
        "CAN_MANAGE_RUN on it."
    )


def _by_gpus(client: WorkspaceClient, num_devices: int) -> int:
    ours: dict[int, list[int]] = {}
    for job in client.jobs.list():
        tags = (job.settings.tags if job.settings else None) or {}
        if tags.get(GPUS_TAG, "").isdigit():
            ours.setdefault(int(tags[GPUS_TAG]), []).append(_id(job))
    wanted = ours.get(num_devices or max(ours, default=0), [])
    if len(wanted) == 1:
        return wanted[0]
    there = ", ".join(map(str, sorted(ours))) or "none"
    if wanted:
        raise SubmitError(
            f"{len(wanted)} jobs are for {num_devices} GPUs (dev and prod?). Give compute.job=, one "
            f"of: {', '.join(map(str, wanted))}."
        )
    raise SubmitError(
        f"no job that may be seen is for compute.num_devices={num_devices}. Jobs are there for: "
        f"{there} GPUs. Deploy the bundle (`databricks bundle deploy`), ask for CAN_MANAGE_RUN on "
        "its jobs, give compute.job=, or use compute=databricks_cluster."
    )


def _id(job: BaseJob) -> int:
    assert job.job_id is not None
    return job.job_id


def _name(job: BaseJob) -> str:
    return str((job.settings.name if job.settings else None) or "")
