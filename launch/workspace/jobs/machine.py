"""The life of a task's attempt, one step at a time: from BLOCKED to its end."""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING

from launch.workspace.faults import COMPUTE
from launch.workspace.jobs import process
from launch.workspace.jobs.new_run import latest
from launch.workspace.jobs.node import NodeError, folder_of, prepare
from launch.workspace.jobs.output import failure
from launch.workspace.jobs.status import Doc, enter, finish, is_final, life, now_ms, succeeded

if TYPE_CHECKING:
    from launch.workspace.core import Workspace


def step(ws: Workspace, run: Doc, task: Doc) -> None:
    """Move the attempt on, if anything has happened."""
    state = life(task)
    if state in ("BLOCKED", "WAITING_FOR_RETRY"):
        _wait(run, task)
    elif state == "PENDING" and time.time() >= task["_ready_at"] + ws.timing.pending_s:
        _start(ws, run, task)
    elif state == "RUNNING":
        _watch(ws, task)
    elif state == "TERMINATING":
        code = process.exit_code(task["_pid"], folder_of(ws, task))
        if code is not None or time.time() > task["_term_at"] + ws.timing.grace_s:
            _end(ws, task, "TERMINATED", *task["_why"])


def stop(ws: Workspace, task: Doc, result: str, code: str, message: str) -> None:
    """Ask an attempt to end: at once if nothing runs yet, else SIGTERM, later SIGKILL."""
    if life(task) == "RUNNING":
        process.terminate(task["_pid"])
        enter(task, "TERMINATING", message)
        task["_term_at"], task["_why"] = time.time(), [result, code, "CLIENT_ERROR", message]
    elif life(task) != "TERMINATING" and not is_final(task):
        _end(ws, task, "TERMINATED", result, code, "CLIENT_ERROR", message)


def evict(ws: Workspace, task: Doc, kind: str = "eviction") -> None:
    """Take the machine away: everything on it dies at once."""
    code, blame, reason, message = COMPUTE[kind]
    node_type = _spec_of(ws, task).get("node_type_id", "serverless GPU")
    text = message.format(node_type=node_type)
    if task.get("_pid"):
        process.kill(task["_pid"], mark_of(ws, task))
    _close_cluster(ws, task, reason or "INTERNAL_ERROR", blame, text)
    # Runs always follow with "Run failed with error message" when the cluster is at fault.
    text = f"Run failed with error message\n {text} Cluster {_cluster_id(task)}: {reason}."
    _end(ws, task, "INTERNAL_ERROR", "FAILED", code, blame, text)


def mark_of(ws: Workspace, task: Doc) -> str:
    """Return what names this attempt's processes, unique on this machine."""
    return f"{task['run_id']}@{ws.root}"


def _wait(run: Doc, task: Doc) -> None:
    if time.time() < task["_ready_at"]:
        return
    needs = {upstream["task_key"] for upstream in task.get("depends_on") or []}
    before = [other for other in latest(run) if other["task_key"] in needs]
    if not all(is_final(other) for other in before):
        return
    good = [succeeded(other) for other in before]
    failed = [other["state"].get("result_state") == "FAILED" for other in before]
    rule = task.get("run_if") or "ALL_SUCCESS"
    go = {
        "ALL_SUCCESS": all(good),
        "ALL_DONE": True,
        "NONE_FAILED": not any(failed),
        "AT_LEAST_ONE_SUCCESS": any(good),
        "ALL_FAILED": all(failed),
        "AT_LEAST_ONE_FAILED": any(failed),
    }[rule]
    if go:
        enter(task, "PENDING", "Waiting for cluster")
        task["_ready_at"] = time.time()
        return
    canceled = any(other["state"].get("result_state") == "CANCELED" for other in before)
    result = "UPSTREAM_CANCELED" if canceled else "UPSTREAM_FAILED"
    finish(task, "SKIPPED", result, "SKIPPED", "CLIENT_ERROR", f"run_if {rule} does not hold")


def _start(ws: Workspace, run: Doc, task: Doc) -> None:
    spec = _open_cluster(ws, run, task)
    if fault := ws.faults.take_compute(task["task_key"], None):
        evict(ws, task, fault.kind)
        return
    try:
        command, environment = prepare(ws, run, task, spec)
    except NodeError as error:
        code = "INTERNAL_ERROR" if error.code == "LIBRARY_INSTALLATION_ERROR" else "TERMINATED"
        _end(ws, task, code, "FAILED", error.code, "CLIENT_ERROR", str(error))
        return
    folder = folder_of(ws, task)
    task["_pid"] = process.start(command, folder, environment, mark_of(ws, task))
    task["_running_at"], task["_delivered_at"] = now_ms(), 0.0
    enter(task, "RUNNING", "In run")


def _watch(ws: Workspace, task: Doc) -> None:
    running_s = (now_ms() - task["_running_at"]) / 1000
    code = process.exit_code(task["_pid"], folder_of(ws, task))
    if code is not None:
        if code == 0:
            _end(ws, task, "TERMINATED", "SUCCESS", "SUCCESS", "SUCCESS", "")
        else:
            text = failure(folder_of(ws, task), code)
            _end(ws, task, "TERMINATED", "FAILED", "RUN_EXECUTION_ERROR", "CLIENT_ERROR", text)
    elif fault := ws.faults.take_compute(task["task_key"], running_s):
        evict(ws, task, fault.kind)
    elif (limit := task.get("timeout_seconds") or 0) and running_s > limit:
        stop(ws, task, "TIMEDOUT", "CANCELED", f"The task ran longer than {limit} seconds.")
    elif running_s - task["_delivered_at"] > ws.timing.log_delivery_s:
        task["_delivered_at"] = running_s
        _deliver_logs(ws, task)


def _end(
    ws: Workspace, task: Doc, state: str, result: str, code: str, kind: str, message: str
) -> None:
    if task.get("_pid"):
        process.kill(task["_pid"], mark_of(ws, task))
    if token := task.pop("_token", None):
        ws.identities.revoke(token)
    finish(task, state, result, code, kind, message)
    _deliver_logs(ws, task)
    _close_cluster(ws, task, "JOB_FINISHED", "SUCCESS", "")


def _cluster_id(task: Doc) -> str:
    return str((task.get("cluster_instance") or {}).get("cluster_id", ""))


def _spec_of(ws: Workspace, task: Doc) -> Doc:
    cluster = ws.store.get("cluster", _cluster_id(task)) or {}
    return dict(cluster.get("spec") or {})


def _open_cluster(ws: Workspace, run: Doc, task: Doc) -> Doc:
    """Return the cluster's spec; a job cluster is shared by the run's tasks while it lives."""
    spec = task.get("new_cluster")
    shared = task.get("job_cluster_key")
    if shared:
        named = {c["job_cluster_key"]: c["new_cluster"] for c in run["job_clusters"]}
        spec = named[shared]
    if spec is None:
        return {}
    known = run.setdefault("_clusters", {})
    cluster_id = known.get(shared) if shared else None
    alive = ws.store.get("cluster", cluster_id) if cluster_id else None
    if alive is None or alive["state"] != "RUNNING":
        cluster_id = f"{time.strftime('%m%d-%H%M%S')}-{ws.store.next_id('cluster'):08x}"
        doc = {key: spec[key] for key in spec if key != "apply_policy_default_values"} | {
            "cluster_id": cluster_id,
            "cluster_name": f"job-{run['job_id']}-run-{run['run_id']}-{task['task_key']}",
            "cluster_source": "JOB",
            "creator_user_name": run["creator_user_name"],
            "state": "RUNNING",
            "start_time": now_ms(),
            "spec": spec,
        }
        ws.store.put("cluster", cluster_id, doc)
        if shared:
            known[shared] = cluster_id
    task["cluster_instance"] = {
        "cluster_id": cluster_id,
        "spark_context_id": str(task["run_id"]),
    }
    return dict(spec)


def _close_cluster(ws: Workspace, task: Doc, reason: str, kind: str, text: str) -> None:
    cluster = ws.store.get("cluster", _cluster_id(task))
    if cluster is None or cluster["state"] != "RUNNING":
        return
    if reason == "JOB_FINISHED" and task.get("job_cluster_key"):
        return  # the run closes it at its end
    kind = {"INTERNAL_ERROR": "SERVICE_FAULT"}.get(kind, kind)
    parameters = {"databricks_error_message": text} if text else {}
    cluster |= {"state": "TERMINATED", "terminated_time": now_ms(), "state_message": text}
    cluster["termination_reason"] = {"code": reason, "type": kind, "parameters": parameters}
    ws.store.put("cluster", cluster["cluster_id"], cluster)


def _deliver_logs(ws: Workspace, task: Doc) -> None:
    conf = _spec_of(ws, task).get("cluster_log_conf") or {}
    for place in conf.values():
        target = ws.local(place.get("destination", ""))
        if target is None:
            continue
        target = target / _cluster_id(task) / "driver"
        target.mkdir(parents=True, exist_ok=True)
        for name in ("stdout", "stderr"):
            source = folder_of(ws, task) / name
            if source.exists():
                shutil.copyfile(source, target / name)
