"""Saved jobs: settings, run-now with parameters, queueing, permissions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import InvalidParameterValue, PermissionDenied
from databricks.sdk.service.compute import ClusterSpec
from databricks.sdk.service.jobs import (
    JobAccessControlRequest,
    JobCluster,
    JobParameterDefinition,
    JobPermissionLevel,
    JobSettings,
    QueueSettings,
    Run,
    RunResultState,
    SparkPythonTask,
    Task,
)

from launch.workspace import FakeWorkspace

Ended = Callable[..., Run]
Until = Callable[..., Any]


@pytest.fixture
def job(
    ws: FakeWorkspace, client: WorkspaceClient, cluster: ClusterSpec, tmp_path: Path
) -> Iterator[int]:
    path = ws.root / "Workspace" / "Shared" / "job.py"
    gate = ws.root / "gate"
    path.write_text(
        "import pathlib, sys, time\n"
        "print('got', sys.argv[1:])\n"
        f"while sys.argv[1] == 'wait' and not pathlib.Path({str(gate)!r}).exists(): time.sleep(.02)"
    )
    task = Task(
        task_key="main",
        job_cluster_key="gpu",
        spark_python_task=SparkPythonTask(
            "/Workspace/Shared/job.py", parameters=["{{job.parameters.mode}}"]
        ),
    )
    other = Task("other", job_cluster_key="gpu", spark_python_task=task.spark_python_task)
    made = client.jobs.create(
        name="train",
        tasks=[task, other],
        job_clusters=[JobCluster("gpu", new_cluster=cluster)],
        parameters=[JobParameterDefinition("mode", "go")],
        queue=QueueSettings(True),
    )
    yield made.job_id or 0
    gate.unlink(missing_ok=True)
    client.jobs.delete(made.job_id or 0)


def test_run_now_one_task_with_a_parameter(client: WorkspaceClient, job: int, ended: Ended) -> None:
    waiter = client.jobs.run_now(job, job_parameters={"mode": "fast"}, only=["main"])
    run = ended(waiter.run_id)
    assert run.tasks
    assert [task.task_key for task in run.tasks] == ["main"]
    assert "got ['fast']" in (client.jobs.get_run_output(run.tasks[0].run_id or 0).logs or "")
    with pytest.raises(InvalidParameterValue, match="not declared"):
        client.jobs.run_now(job, job_parameters={"mod": "fast"})


def test_both_tasks_share_the_job_cluster(client: WorkspaceClient, job: int, ended: Ended) -> None:
    run = ended(client.jobs.run_now(job).run_id)
    assert run.tasks
    ids = {task.cluster_instance.cluster_id for task in run.tasks if task.cluster_instance}
    assert len(ids) == 1
    state = client.clusters.get(str(ids.pop())).state
    assert state
    assert state.value == "TERMINATED"


def test_a_second_run_queues_and_a_third_may_be_skipped(
    ws: FakeWorkspace, client: WorkspaceClient, job: int, ended: Ended
) -> None:
    first = client.jobs.run_now(job, job_parameters={"mode": "wait"}).run_id
    second = client.jobs.run_now(job).run_id
    third = client.jobs.run_now(job, queue=QueueSettings(False)).run_id
    queued = client.jobs.get_run(second)
    assert queued.status
    assert queued.status.state
    assert queued.status.state.value == "QUEUED"
    assert queued.status.queue_details
    assert queued.status.queue_details.code
    assert queued.status.queue_details.code.value == "MAX_CONCURRENT_RUNS_REACHED"
    skipped = ended(third)
    assert skipped.state
    assert skipped.state.result_state == RunResultState.MAXIMUM_CONCURRENT_RUNS_REACHED
    (ws.root / "gate").write_text("open")
    assert (ended(first).end_time or 0) <= (ended(second).end_time or 0)


def test_settings_change_and_stay(client: WorkspaceClient, job: int) -> None:
    client.jobs.update(job, new_settings=JobSettings(name="renamed", max_concurrent_runs=3))
    settings = client.jobs.get(job).settings
    assert settings
    assert (settings.name, settings.max_concurrent_runs) == ("renamed", 3)
    assert settings.tasks
    assert len(settings.tasks) == 2
    assert [found.job_id for found in client.jobs.list(name="RENAMED")] == [job]


def test_who_may_run(ws: FakeWorkspace, client: WorkspaceClient, job: int) -> None:
    app = ws.client(ws.add_user(f"app{job}@example.com"))
    with pytest.raises(PermissionDenied, match="CAN_MANAGE_RUN"):
        app.jobs.run_now(job)
    entry = JobAccessControlRequest(
        user_name=f"app{job}@example.com", permission_level=JobPermissionLevel.CAN_MANAGE_RUN
    )
    client.jobs.update_permissions(str(job), access_control_list=[entry])
    run = client.jobs.get_run(app.jobs.run_now(job, idempotency_token="a").run_id)
    assert run.creator_user_name == f"app{job}@example.com"
    # set_permissions REPLACES: without the entry it is gone, and the owner stays.
    client.jobs.set_permissions(str(job), access_control_list=[])
    with pytest.raises(PermissionDenied):
        app.jobs.run_now(job)
    acl = client.jobs.get_permissions(str(job)).access_control_list or []
    assert [entry.user_name for entry in acl if entry.user_name] == ["admin@example.com"]


def test_policies_and_pools(client: WorkspaceClient) -> None:
    policy = client.cluster_policies.create(name="gpu", definition="{}")
    assert [p.policy_id for p in client.cluster_policies.list()] == [policy.policy_id]
    assert client.cluster_policies.get(policy.policy_id or "").name == "gpu"
    pool = client.instance_pools.create("p", "g5.xlarge")
    assert client.instance_pools.get(pool.instance_pool_id or "").node_type_id == "g5.xlarge"


def test_a_version_is_selected(client: WorkspaceClient) -> None:
    version = client.clusters.select_spark_version(
        ml=True, gpu=True, long_term_support=True, scala="2.13"
    )
    assert version == "17.3.x-gpu-ml-scala2.13"
    gpus = {n.node_type_id: n.num_gpus for n in client.clusters.list_node_types().node_types or []}
    assert gpus["g5.12xlarge"] == 4
