"""Run and task documents as the API shows them, at their birth."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from launch.workspace.jobs.status import Doc, enter, now_ms

if TYPE_CHECKING:
    from launch.workspace.core import Workspace

_FIRST_ID = 900_000_000_001


def new_run(
    ws: Workspace,
    settings: dict[str, Any],
    creator: str,
    job_id: int,
    run_type: str,
    parameters: dict[str, str],
    only: list[str] | None = None,
) -> Doc:
    """Return the document of a run of these job settings; nothing is stored yet."""
    run_id = ws.store.next_id("run", _FIRST_ID)
    owner = settings.get("run_as") or {}
    declared = {p["name"]: p["default"] for p in settings.get("parameters") or []}
    run: Doc = {
        "job_id": job_id,
        "run_id": run_id,
        "job_run_id": run_id,
        "number_in_job": run_id,
        "original_attempt_run_id": run_id,
        "creator_user_name": creator,
        "run_name": settings.get("run_name") or settings.get("name") or "Untitled",
        "run_page_url": f"{ws.host}/?o=1234567890#job/{job_id}/run/{run_id}",
        "run_type": run_type,
        "trigger": "ONE_TIME",
        "format": "MULTI_TASK",
        "attempt_number": 0,
        "start_time": now_ms(),
        "setup_duration": 0,
        "execution_duration": 0,
        "cleanup_duration": 0,
        "end_time": 0,
        "job_clusters": settings.get("job_clusters") or [],
        "job_parameters": [
            {"name": n, "default": d, "value": parameters.get(n, d)} for n, d in declared.items()
        ],
        "tasks": [],
        "_run_as": owner.get("user_name") or owner.get("service_principal_name") or creator,
        "_timeout_s": settings.get("timeout_seconds") or 0,
        "_environments": settings.get("environments") or [],
    }
    enter(run, "PENDING")
    for task in settings["tasks"]:
        if only is None or task["task_key"] in only:
            add_attempt(ws, run, task, 0)
    return run


def add_attempt(ws: Workspace, run: Doc, spec: Doc, attempt: int, wait_s: float = 0) -> Doc:
    """Append a new attempt of a task to the run's document and return it."""
    run_id = ws.store.next_id("run", _FIRST_ID)
    task: Doc = {key: value for key, value in spec.items() if key not in _LIVE and key[0] != "_"}
    task |= {
        "run_id": run_id,
        "run_page_url": f"{ws.host}/?o=1234567890#job/{run['job_id']}/run/{run_id}",
        "attempt_number": attempt,
        "start_time": now_ms(),
        "setup_duration": 0,
        "execution_duration": 0,
        "cleanup_duration": 0,
        "end_time": 0,
        "_ready_at": time.time() + wait_s,
    }
    enter(task, "WAITING_FOR_RETRY" if attempt else "BLOCKED")
    run["tasks"].append(task)
    return task


def latest(run: Doc) -> list[Doc]:
    """Return the last attempt of each task."""
    return list({task["task_key"]: task for task in run["tasks"]}.values())


_LIVE = {"state", "status", "cluster_instance", "run_duration", "queue_duration"}
