"""Repair: run failed or chosen tasks of a finished run again, in the same run."""

from __future__ import annotations

from databricks.sdk.service.jobs import JobsAPI

from launch.workspace.errors import bad_state, invalid
from launch.workspace.jobs.api_runs import run_of
from launch.workspace.jobs.new_run import add_attempt, latest
from launch.workspace.jobs.status import Doc, enter, is_final, now_ms, succeeded
from launch.workspace.routes import Answer, Call, Routes

api = Routes()


@api.add("POST", "/api/{v}/jobs/runs/repair", like=JobsAPI.repair_run)
def repair(call: Call) -> Answer:
    """Add new attempts; a second repair must name the one before it."""
    run, _ = run_of(call, "CAN_MANAGE_RUN")
    if not is_final(run):
        raise bad_state(f"Run {run['run_id']} is active and cannot be repaired.")
    history = run.setdefault("repair_history", [_original(run)])
    last = history[-1].get("id")
    if last != call.args.get("latest_repair_id"):
        raise invalid(f"latest_repair_id must be {last}, the ID of the last repair.")
    chosen = _chosen(run, call.args)
    for parameter in run["job_parameters"]:
        given = (call.args.get("job_parameters") or {}).get(parameter["name"])
        parameter["value"] = parameter["value"] if given is None else given
    repair_id = call.ws.store.next_id("repair", 300_000_001)
    ids = []
    for task in chosen:
        attempt = add_attempt(call.ws, run, task, task["attempt_number"] + 1)
        # Retries count anew for a repair.
        attempt["_attempts_before"] = attempt["attempt_number"]
        ids.append(attempt["run_id"])
    run.pop("_cancel", None)
    run.pop("_running_at", None)
    run["end_time"] = 0
    enter(run, "PENDING")
    entry = {"type": "REPAIR", "id": repair_id, "start_time": now_ms(), "task_run_ids": ids}
    history.append(entry | {"state": run["state"], "status": run["status"]})
    call.ws.runner.add(run)
    return {"repair_id": repair_id}


def _chosen(run: Doc, args: Doc) -> list[Doc]:
    tasks = {task["task_key"]: task for task in latest(run)}
    if args.get("rerun_all_failed_tasks"):
        keys = {key for key, task in tasks.items() if not succeeded(task)}
    else:
        keys = set(args.get("rerun_tasks") or [])
    if unknown := keys - set(tasks):
        raise invalid(f"Task '{sorted(unknown)[0]}' is not in the run. Tasks: {list(tasks)}.")
    if args.get("rerun_dependent_tasks") or args.get("rerun_all_failed_tasks"):
        grown = True
        while grown:
            grown = False
            for key, task in tasks.items():
                needs = {upstream["task_key"] for upstream in task.get("depends_on") or []}
                if key not in keys and needs & keys:
                    keys.add(key)
                    grown = True
    if not keys:
        raise invalid("There is no task to repair.")
    return [task for key, task in tasks.items() if key in keys]


def _original(run: Doc) -> Doc:
    ids = [task["run_id"] for task in run["tasks"]]
    shown = {key: run[key] for key in ("start_time", "end_time", "state", "status")}
    return {"type": "ORIGINAL", "task_run_ids": ids, **shown}
