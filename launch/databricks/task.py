"""The requests that start a run: a job's run-now, or a one-time run."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from databricks.sdk import WorkspaceClient
from databricks.sdk.service.compute import (
    Environment,
    HardwareAcceleratorType,
    Library,
)
from databricks.sdk.service.jobs import (
    Compute,
    JobAccessControlRequest,
    JobEmailNotifications,
    JobEnvironment,
    JobRunAs,
    PythonWheelTask,
    QueueSettings,
    SubmitTask,
    WebhookNotifications,
)

from launch.base import RunSpec
from launch.databricks.cluster import checked, cluster
from launch.databricks.code import Code
from launch.databricks.wheel import ENTRY_POINT, PACKAGE_NAME
from launch.errors import SubmitError
from launch.node.layout import SPEC_PARAMETER, NodeSpec

TASK = "train"
JOB_RUN_ID = "job-run-id"
RETRY_PAUSE_MS = 30_000
"""Between the loss of a node and the platform's next try."""
_ENVIRONMENT = "lakesight"
_START_S = 3600
"""A cluster that takes longer to start is not coming."""
_LONGEST_S = 14 * 24 * 3600
_TITLE_LENGTH = 200


def token(spec: RunSpec) -> str:
    """Return what makes a second request for the same run no second run; 64 characters."""
    return hashlib.sha256(f"lakesight/{spec.run_id}/{spec.generation}".encode()).hexdigest()


def title(spec: RunSpec) -> str:
    """Return what the platform calls the run."""
    return (spec.title or f"lakesight {spec.run_id[:8]}")[:_TITLE_LENGTH]


def parameters(path: str) -> dict[str, str]:
    """Return the parameters of the node's entry point; the platform fills in its own id."""
    return {SPEC_PARAMETER: path, JOB_RUN_ID: "{{job.run_id}}"}


def timeout_s(spec: RunSpec) -> int:
    """Return after how many seconds the platform ends the run, whatever the node does.

    The node itself keeps to the limit of each attempt and lets the training save.
    """
    if spec.timeout_s is None:
        return _LONGEST_S
    return int((spec.timeout_s + spec.cancel_grace_s) * (spec.max_retries + 1)) + _START_S


def run_now(spec: NodeSpec, job_id: int) -> dict[str, Any]:
    """Return the arguments of `jobs.run_now`."""
    return {
        "job_id": job_id,
        "job_parameters": {SPEC_PARAMETER: spec.folder.spec(spec.run.generation)},
        "idempotency_token": token(spec.run),
        "queue": QueueSettings(enabled=True),
    }


def submit(client: WorkspaceClient, spec: NodeSpec, code: Code) -> dict[str, Any]:
    """Return the arguments of `jobs.submit`.

    Args:
        client: of the workspace.
        spec: what the node is to do.
        code: what it installs.

    Raises:
        SubmitError: a key of `compute` is not what the platform takes.
        DatabricksError: the workspace does not answer.
    """
    run, conf = spec.run, spec.run.compute
    task = SubmitTask(
        task_key=TASK,
        python_wheel_task=PythonWheelTask(
            package_name=PACKAGE_NAME,
            entry_point=ENTRY_POINT,
            named_parameters=parameters(spec.folder.spec(run.generation)),
        ),
        max_retries=run.max_retries,
        min_retry_interval_millis=RETRY_PAUSE_MS if run.max_retries else None,
        retry_on_timeout=False,
    )
    body: dict[str, Any] = {
        "run_name": title(run),
        "tasks": [task],
        "idempotency_token": token(run),
        "queue": QueueSettings(enabled=True),
        "timeout_seconds": timeout_s(run),
    }
    if conf.get("way") == "serverless":
        body["environments"] = [_serverless(task, conf, spec, code)]
    else:
        task.new_cluster = cluster(client, run, f"{spec.folder.path}/cluster_logs")
        task.libraries = [
            Library(requirements=code.requirements_path(spec.volume)),
            Library(whl=code.wheel_path(spec.volume)),
        ]
    return body | _rights(conf) | _notices(run, conf)


def _serverless(
    task: SubmitTask, conf: Mapping[str, Any], spec: NodeSpec, code: Code
) -> JobEnvironment:
    name = str(conf.get("hardware_accelerator"))
    try:
        accelerator = HardwareAcceleratorType(name)
    except ValueError:
        known = ", ".join(item.value for item in HardwareAcceleratorType)
        raise SubmitError(f"compute.hardware_accelerator={name} is not one of: {known}.") from None
    per_node = int(name.partition("_")[2].partition("x")[0])
    if spec.run.num_devices > per_node:
        raise SubmitError(
            f"{name} has {per_node} GPU{'s' if per_node > 1 else ''}, and compute.num_devices is "
            f"{spec.run.num_devices}. Choose GPU_8xH100, or compute=databricks_cluster with "
            "compute.num_workers."
        )
    task.compute = Compute(hardware_accelerator=accelerator)
    task.environment_key = _ENVIRONMENT
    task.disable_auto_optimization = True  # it tries again by itself, more often than asked for
    return JobEnvironment(
        environment_key=_ENVIRONMENT,
        spec=Environment(
            environment_version=str(conf.get("environment_version") or "4"),
            dependencies=[code.wheel_path(spec.volume), *code.pins()],
        ),
    )


def _rights(conf: Mapping[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = {}
    if conf.get("run_as"):
        body["run_as"] = checked(JobRunAs, conf["run_as"], "compute.run_as")
    if conf.get("access_control_list"):
        body["access_control_list"] = [
            checked(JobAccessControlRequest, item, "compute.access_control_list")
            for item in conf["access_control_list"]
        ]
    if conf.get("budget_policy_id"):
        body["budget_policy_id"] = conf["budget_policy_id"]
    return body


def _notices(run: RunSpec, conf: Mapping[str, Any]) -> dict[str, Any]:
    mail = conf.get("email_notifications") or (
        {"on_failure": [run.user]} if "@" in run.user else {}
    )
    body: dict[str, Any] = {}
    if mail:
        where = "compute.email_notifications"
        body["email_notifications"] = checked(JobEmailNotifications, mail, where)
    if conf.get("webhook_notifications"):
        where = "compute.webhook_notifications"
        hooks = conf["webhook_notifications"]
        body["webhook_notifications"] = checked(WebhookNotifications, hooks, where)
    return body
