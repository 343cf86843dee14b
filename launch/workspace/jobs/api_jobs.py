"""Jobs API: create, get, list, update, reset, delete."""

from __future__ import annotations

from databricks.sdk.service.jobs import JobsAPI

from launch.workspace import permissions
from launch.workspace.errors import ApiError, invalid
from launch.workspace.jobs.definition import check_tasks
from launch.workspace.jobs.status import Doc, is_final, now_ms
from launch.workspace.routes import Answer, Call, Routes, page

api = Routes()


@api.add("POST", "/api/{v}/jobs/create", like=JobsAPI.create)
def create(call: Call) -> Answer:
    """Store a job. Two with one name may exist, as on the platform."""
    settings = {key: v for key, v in call.args.items() if key != "access_control_list"}
    check_tasks(call.ws, settings)
    job_id = call.ws.store.next_id("job", 500_000_000_001)
    settings = {"name": "Untitled", "max_concurrent_runs": 1, "format": "MULTI_TASK"} | settings
    call.ws.store.put(
        "job",
        job_id,
        {
            "job_id": job_id,
            "creator_user_name": call.who.name,
            "run_as_user_name": call.who.name,
            "created_time": now_ms(),
            "settings": settings,
        },
    )
    acl = call.args.get("access_control_list") or []
    permissions.own(call.ws, "jobs", str(job_id), call.who, acl)
    return {"job_id": job_id}


@api.add("GET", "/api/{v}/jobs/get", like=JobsAPI.get)
def get(call: Call) -> Answer:
    """One job."""
    return job_of(call, "CAN_VIEW")


@api.add("GET", "/api/{v}/jobs/list", like=JobsAPI.list)
def list_jobs(call: Call) -> Answer:
    """Newest first; task and cluster details only with expand_tasks."""
    found = [
        job
        for job in call.ws.store.all("job")[::-1]
        if permissions.allows(call.ws, call.who, "jobs", str(job["job_id"]), "CAN_VIEW")
    ]
    if name := call.args.get("name"):
        found = [job for job in found if job["settings"]["name"].lower() == name.lower()]
    part, links = page(found, call.args, "limit", 20, 100)
    if not call.args.get("expand_tasks"):
        hidden = ("tasks", "job_clusters", "parameters", "environments")
        for job in part:
            job["settings"] = {k: v for k, v in job["settings"].items() if k not in hidden}
    return {"jobs": part, "has_more": "next_page_token" in links, **links}


@api.add("POST", "/api/{v}/jobs/reset", like=JobsAPI.reset)
def reset(call: Call) -> Answer:
    """Replace all settings."""
    job = job_of(call, "CAN_MANAGE")
    check_tasks(call.ws, call.args["new_settings"])
    defaults = {"name": "Untitled", "max_concurrent_runs": 1, "format": "MULTI_TASK"}
    job["settings"] = defaults | call.args["new_settings"]
    call.ws.store.put("job", job["job_id"], job)
    return None


@api.add("POST", "/api/{v}/jobs/update", like=JobsAPI.update)
def update(call: Call) -> Answer:
    """Replace top-level settings; tasks and job clusters merge by key."""
    job = job_of(call, "CAN_MANAGE")
    settings = job["settings"]
    for name in call.args.get("fields_to_remove") or []:
        settings.pop(name, None)
    for name, value in (call.args.get("new_settings") or {}).items():
        key = {"tasks": "task_key", "job_clusters": "job_cluster_key"}.get(name)
        if key and name in settings:
            merged = {item[key]: item for item in settings[name]}
            settings[name] = list((merged | {item[key]: item for item in value}).values())
        else:
            settings[name] = value
    check_tasks(call.ws, settings)
    call.ws.store.put("job", job["job_id"], job)
    return None


@api.add("POST", "/api/{v}/jobs/delete", like=JobsAPI.delete)
def delete(call: Call) -> Answer:
    """Remove the job; its active runs are cancelled."""
    job = job_of(call, "CAN_MANAGE")
    for run in call.ws.store.all("run"):
        if run["job_id"] == job["job_id"] and not is_final(run):
            call.ws.runner.cancel(run)
    call.ws.store.delete("job", job["job_id"])
    return None


def job_of(call: Call, level: str) -> Doc:
    """Return the job that the request names.

    Raises:
        ApiError: 400 (so does the platform) if it is not there, 403 without the permission.
    """
    job_id = call.args["job_id"]
    job = call.ws.store.get("job", job_id)
    if job is None:
        raise ApiError(400, "INVALID_PARAMETER_VALUE", f"Job {job_id} does not exist.")
    permissions.require(call.ws, call.who, "jobs", str(job_id), level)
    return job


def check_parameters(job: Doc, given: dict[str, str]) -> None:
    """Refuse a parameter that the job does not declare."""
    declared = [p["name"] for p in job["settings"].get("parameters") or []]
    for name in given:
        if name not in declared:
            raise invalid(f"Job parameter '{name}' is not declared. Declared: {declared}.")
