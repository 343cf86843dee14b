"""The bundle's job, run by a service principal that may run it and nothing else."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from databricks.sdk import WorkspaceClient
from databricks.sdk.service.catalog import PermissionsChange, Privilege
from databricks.sdk.service.jobs import JobAccessControlRequest, JobPermissionLevel, JobSettings

from launch.base import RunSpec, RunState
from launch.databricks.code import deliver, this_code
from launch.databricks.launcher import DatabricksLauncher
from launch.databricks.volume import Volume
from launch.errors import SubmitError
from launch.testing.payload import MODULE

ROOT = Path(__file__).parents[3]
VOLUME = "/Volumes/main/default/runs"


def settings(gpus: int, title: str) -> JobSettings:
    """Return a job of the bundle as `bundle deploy` makes it."""
    body: dict[str, Any] = yaml.safe_load((ROOT / "bundle/jobs.yml").read_text())
    job = body["resources"]["jobs"][f"train_{gpus}gpu"]
    text = json.dumps(job).replace("${var.runtime}", "17.3.x-gpu-ml-scala2.13")
    text = text.replace("${var.single_user}", "ada").replace(
        f"${{var.node_{gpus}gpu}}", "g5.xlarge"
    )
    job = {key: v for key, v in json.loads(text).items() if key != "permissions"}
    code = this_code()
    job["tasks"][0]["libraries"] = [{"whl": code.wheel_path(VOLUME)}]
    job["tasks"][0]["min_retry_interval_millis"] = 200
    return JobSettings.from_dict(job | {"name": title})


def create(client: WorkspaceClient, gpus: int, title: str) -> int:
    made = settings(gpus, title).as_dict()
    return int(client.api_client.do("POST", "/api/2.2/jobs/create", body=made)["job_id"])


@pytest.fixture(scope="module")
def principal(ws, client) -> tuple[str, WorkspaceClient, int]:
    client_id, secret = ws.add_service_principal("studio")
    deliver(Volume(client), VOLUME, this_code())
    job_id = create(client, 1, "lakesight-train-1gpu")
    client.jobs.update_permissions(
        str(job_id),
        access_control_list=[
            JobAccessControlRequest(
                service_principal_name=client_id,
                permission_level=JobPermissionLevel.CAN_MANAGE_RUN,
            )
        ],
    )
    for kind, full_name, rights in (
        ("catalog", "main", [Privilege.USE_CATALOG]),
        ("schema", "main.default", [Privilege.USE_SCHEMA]),
        ("volume", "main.default.runs", [Privilege.READ_VOLUME, Privilege.WRITE_VOLUME]),
    ):
        change = PermissionsChange(principal=client_id, add=rights)
        client.grants.update(kind, full_name, changes=[change])
    return client_id, ws.client(client_id=client_id, client_secret=secret), job_id


@pytest.fixture
def submit(principal, tmp_path, monkeypatch):
    monkeypatch.setenv("LAKESIGHT_VOLUME", VOLUME)
    launcher = DatabricksLauncher(principal[1], log_interval_s=0.2)
    numbers = iter(range(100))

    def run(*words: str, num_devices: int = 1, max_retries: int = 0, **compute: Any):
        folder = tmp_path / str(next(numbers))
        folder.mkdir()
        spec = RunSpec(
            f"{tmp_path.name}-{folder.name}",
            str(folder),
            MODULE,
            words,
            num_devices=num_devices,
            use_cpu=True,
            max_retries=max_retries,
            compute={"way": "job", **compute},
        )
        return launcher, launcher.submit(spec)

    return run


@pytest.fixture
def until():
    def poll(launcher, handle):
        end = time.monotonic() + 40
        while time.monotonic() < end:
            status = launcher.poll([handle])[handle.run_id]
            if status.state.is_final:
                return status
            time.sleep(0.1)
        raise AssertionError(status)

    return poll


@pytest.mark.slow
@pytest.mark.parametrize("by", ["id", "name", "gpus"])
def test_the_job_is_found_and_runs(submit, until, principal, client, by) -> None:
    asked = {"id": str(principal[2]), "name": "lakesight-train-1gpu", "gpus": None}[by]
    launcher, handle = submit("succeed", job=asked)
    status = until(launcher, handle)
    assert (status.state, status.attempt) == (RunState.SUCCEEDED, 1)
    run = client.jobs.get_run(int(handle.external_id))
    assert run.job_id == principal[2]
    assert run.creator_user_name == principal[0]


@pytest.mark.slow
def test_the_runs_own_number_of_retries_counts_not_the_jobs(submit, until, client) -> None:
    launcher, handle = submit("fail", max_retries=1)
    status = until(launcher, handle)
    assert (status.state, status.attempt) == (RunState.FAILED, 2)
    run = client.jobs.get_run(int(handle.external_id))
    assert len(run.tasks) == 1, "the platform does not try again what is final"


@pytest.mark.parametrize(
    ("compute", "said"),
    [
        ({"job": "lakesight-train-1gpus"}, "Did you mean 'lakesight-train-1gpu'"),
        ({"num_devices": 4}, "Jobs are there for: 1 GPUs"),
    ],
)
def test_a_job_that_is_not_there_is_named_with_what_there_is(submit, compute, said) -> None:
    with pytest.raises(SubmitError, match=said):
        submit("succeed", **compute)


def test_a_job_of_somebody_else_is_refused(submit, client, principal) -> None:
    body = settings(1, "other").as_dict()
    body.pop("parameters")
    body.pop("tags")
    job_id = int(client.api_client.do("POST", "/api/2.2/jobs/create", body=body)["job_id"])
    with pytest.raises(SubmitError, match="refuses it"):
        submit("succeed", job=str(job_id))
    access = JobAccessControlRequest(
        service_principal_name=principal[0], permission_level=JobPermissionLevel.CAN_MANAGE_RUN
    )
    client.jobs.update_permissions(str(job_id), access_control_list=[access])
    with pytest.raises(SubmitError, match=r"is not one of databricks\.yml"):
        submit("succeed", job=str(job_id))
