"""Why the platform ended a run, the cause first, and what to do about it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from databricks.sdk import WorkspaceClient
from databricks.sdk.service.jobs import Run, RunTask
from databricks.sdk.service.jobs import TerminationCodeCode as Code

from launch.databricks.client import EDGE
from launch.node import causes

_SAID_LENGTH = 400


@dataclass(frozen=True)
class _Cause:
    pattern: re.Pattern[str]
    cause: str
    advice: str


def _cause(pattern: str, cause: str, advice: str) -> _Cause:
    return _Cause(re.compile(pattern, re.IGNORECASE), cause, advice)


_CAUSES = (
    _cause(
        r"SPOT_INSTANCE_TERMINATION|spot (instance|vm)|preempt|evict|took it back|taken back",
        "the cloud took the spot machine back",
        "Resume the run: it goes on from its newest checkpoint. Set compute.max_retries, or "
        "compute.availability=ON_DEMAND.",
    ),
    _cause(
        r"INSUFFICIENT_INSTANCE_CAPACITY|InsufficientInstanceCapacity|STOCKOUT|stock.?out|"
        r"ZONE_RESOURCE_POOL_EXHAUSTED|AllocationFailed|SkuNotAvailable|does not have enough",
        "the cloud has no such machine left",
        "Submit again later, choose another compute.node_type_id or zone "
        "(compute.aws_attributes.zone_id=auto), or a pool.",
    ),
    _cause(
        r"VcpuLimitExceeded|quota|QuotaExceeded|LimitExceeded|QUOTA_EXCEEDED",
        "the cloud account's quota for this machine is used up",
        "Ask for more quota of this family of machines at the cloud, end other clusters, or choose "
        "another compute.node_type_id.",
    ),
    _cause(
        r"LIBRARY_INSTALLATION_ERROR|Library installation failed|could not install",
        "a library could not be installed",
        "See the cluster's event log and Libraries tab; check that the Volume can be read by whom "
        "the job runs as, and that the cluster reaches the package index.",
    ),
    _cause(
        r"UNAUTHORIZED_ERROR|PERMISSION_DENIED|not authorized|does not have permission|Forbidden",
        "whom the job runs as may not do this",
        "See docs/permissions.md; `lakesight doctor` says which grant is missing.",
    ),
    _cause(
        r"INVALID_CLUSTER_REQUEST|INVALID_ARGUMENT|cluster policy|Node type .* is not supported",
        "the cluster that was asked for is not possible here",
        "Check compute.node_type_id, compute.spark_version and compute.policy_id.",
    ),
    _cause(
        r"DRIVER_ERROR|DRIVER_UNRESPONSIVE|driver restarted",
        "the driver stopped answering (often: the machine ran out of memory)",
        "Use fewer trainer.dataloader_num_workers or a machine with more memory, and resume the "
        "run.",
    ),
    _cause(
        r"BOOTSTRAP_TIMEOUT|init script|INIT_SCRIPT_FAILURE",
        "the cluster did not come up",
        "See the cluster's event log; check compute.init_scripts and the network, then submit again.",
    ),
)
_CODES = {
    Code.MAX_CONCURRENT_RUNS_EXCEEDED: (
        "the job runs as often as it may at once and does not queue",
        "Submit again later, or raise max_concurrent_runs in databricks.yml.",
    ),
    Code.CLUSTER_REQUEST_LIMIT_EXCEEDED: (
        "the workspace starts too many clusters at once",
        "Submit again in a few minutes.",
    ),
    Code.WORKSPACE_RUN_LIMIT_EXCEEDED: (
        "the workspace runs as many tasks as it may",
        "Submit again later.",
    ),
    Code.MAX_JOB_QUEUE_SIZE_EXCEEDED: ("the job's queue is full", "Submit again later."),
    Code.STORAGE_ACCESS_ERROR: (
        "a file that the job needs can't be read",
        "Check READ VOLUME for whom the job runs as; see docs/permissions.md.",
    ),
    Code.BUDGET_POLICY_LIMIT_EXCEEDED: (
        "the budget policy's limit is reached",
        "Ask who manages it, or give another compute.budget_policy_id.",
    ),
    Code.FEATURE_DISABLED: (
        "the workspace has switched off what the run needs",
        "Ask an administrator, or use compute=databricks_cluster.",
    ),
}


def sentence(client: WorkspaceClient, run: Run) -> str:
    """Return why a run of the platform failed.

    Args:
        client: asked for the output of the task that failed first.
        run: that has ended, with its tasks.
    """
    task = first_failed(run)
    details = run.status.termination_details if run.status else None
    if task is not None and task.status and task.status.termination_details:
        details = task.status.termination_details
    message = (details.message if details else "") or _old_message(task or run)
    code = details.code if details else None
    if run.state and run.state.result_state and run.state.result_state.value == "TIMEDOUT":
        return (
            f"it took longer than the platform's limit. {_told(message)} Its checkpoints are kept: "
            "resume the run with a larger compute.timeout_s."
        )
    text = f"{code.value if code else ''} {message}"
    for known in _CAUSES:
        if known.pattern.search(text):
            return f"{known.cause}. {_told(message)} {known.advice}"
    if code in _CODES:
        cause, advice = _CODES[code]
        return f"{cause}. {_told(message)} {advice}"
    said = _output(client, task)
    if said:
        return said
    name = code.value if code else "no reason"
    return f"the platform ended it ({name}). {_told(message)} {run.run_page_url or ''}".strip()


def first_failed(run: Run) -> RunTask | None:
    """Return the attempt that decides: the last one of the task that failed first."""
    failed = [
        task
        for task in run.tasks or []
        if task.state
        and task.state.result_state
        and task.state.result_state.value not in ("SUCCESS", "UPSTREAM_FAILED", "CANCELED")
    ]
    return max(failed, key=lambda task: task.attempt_number or 0) if failed else None


def _output(client: WorkspaceClient, task: RunTask | None) -> str:
    """Return what the task itself said of its end."""
    if task is None or task.run_id is None:
        return ""
    try:
        output = client.jobs.get_run_output(task.run_id)
    except EDGE:
        return ""
    error = (output.error or "").removeprefix("SystemExit: ")
    if error.startswith(("FAILED: ", "LOST: ", "error: ")):
        return error.partition(": ")[2]
    text = "\n".join(part for part in (output.logs, output.error_trace, error) if part)
    return causes.sentence(text, None, 1) if text else ""


def _old_message(item: Run | RunTask) -> str:
    return str(item.state.state_message or "") if item.state else ""


def _told(message: str) -> str:
    words = " ".join(message.split())[:_SAID_LENGTH].rstrip(". ")
    return f"The platform says: {words}." if words else ""
