"""Runs API: submit, run-now, get, list, output, cancel, repair, delete."""

from __future__ import annotations

from databricks.sdk.service.jobs import JobsAPI

from launch.workspace import permissions
from launch.workspace.errors import ApiError, bad_state, denied, invalid
from launch.workspace.jobs import output
from launch.workspace.jobs.api_jobs import check_parameters, job_of
from launch.workspace.jobs.definition import check_tasks
from launch.workspace.jobs.new_run import new_run
from launch.workspace.jobs.node import folder_of
from launch.workspace.jobs.runner import has_room
from launch.workspace.jobs.status import Doc, enter, finish, is_final, public
from launch.workspace.routes import Answer, Call, Routes, page

api = Routes()
_TASKS_PER_PAGE = 100


@api.add("POST", "/api/{v}/jobs/runs/submit", like=JobsAPI.submit)
def submit(call: Call) -> Answer:
    """Start a one-time run. The same idempotency token gives the same run, never a second."""
    if known := _same_token(call, "submit"):
        return {"run_id": known}
    check_tasks(call.ws, call.args)
    job_id = call.ws.store.next_id("job", 500_000_000_001)
    run = new_run(call.ws, call.args, call.who.name, job_id, "SUBMIT_RUN", {})
    _remember(call, "submit", run)
    acl = call.args.get("access_control_list") or []
    permissions.own(call.ws, "jobs", str(job_id), call.who, acl)
    call.ws.runner.add(run)
    return {"run_id": run["run_id"]}


@api.add("POST", "/api/{v}/jobs/run-now", like=JobsAPI.run_now)
def run_now(call: Call) -> Answer:
    """Start a job's run: at once, queued, or skipped when it may not queue."""
    job = job_of(call, "CAN_MANAGE_RUN")
    if known := _same_token(call, f"job-{job['job_id']}"):
        return {"run_id": known, "number_in_job": known}
    settings, only = job["settings"], call.args.get("only")
    keys = [task["task_key"] for task in settings["tasks"]]
    if unknown := [key for key in only or [] if key not in keys]:
        raise invalid(f"Task '{unknown[0]}' is not in the job. Tasks: {keys}.")
    parameters = call.args.get("job_parameters") or {}
    check_parameters(job, parameters)
    owner = {"run_as": {"user_name": job["creator_user_name"]}}
    run = new_run(
        call.ws, owner | settings, call.who.name, job["job_id"], "JOB_RUN", parameters, only
    )
    _remember(call, f"job-{job['job_id']}", run)
    if not has_room(call.ws, run):
        queue = call.args.get("queue") or settings.get("queue") or {}
        limit = settings["max_concurrent_runs"]
        text = f"The job has reached its limit of {limit} concurrent runs."
        if queue.get("enabled"):
            enter(run, "QUEUED", text, "MAX_CONCURRENT_RUNS_REACHED")
        else:
            result = "MAXIMUM_CONCURRENT_RUNS_REACHED"
            code = "MAX_CONCURRENT_RUNS_EXCEEDED"
            for item in (run, *run["tasks"]):
                finish(item, "SKIPPED", result, code, "CLIENT_ERROR", text)
    call.ws.runner.add(run)
    return {"run_id": run["run_id"], "number_in_job": run["run_id"]}


@api.add("GET", "/api/{v}/jobs/runs/get", like=JobsAPI.get_run)
def get(call: Call) -> Answer:
    """One run, or one task's run; tasks come in pages of 100."""
    run, task = run_of(call, "CAN_VIEW")
    shown = public(run)
    if task is not None:
        return shown | public(task) | {"job_run_id": run["run_id"], "tasks": [public(task)]}
    if not call.args.get("include_history"):
        shown.pop("repair_history", None)
    shown["tasks"], links = page(shown["tasks"], call.args, "", _TASKS_PER_PAGE, _TASKS_PER_PAGE)
    links.pop("prev_page_token", None)
    return shown | links


@api.add("GET", "/api/{v}/jobs/runs/list", like=JobsAPI.list_runs)
def list_runs(call: Call) -> Answer:
    """Newest first, filtered; tasks only with expand_tasks."""
    args = call.args
    if args.get("active_only") and args.get("completed_only"):
        raise invalid("active_only and completed_only cannot both be true.")
    if not 0 <= args.get("limit", 20) <= 26:
        raise invalid(f"limit must be between 0 and 26, not {args['limit']}.")
    found = []
    for run in call.ws.store.all("run")[::-1]:
        keep = (
            (not args.get("job_id") or run["job_id"] == args["job_id"])
            and (not args.get("active_only") or not is_final(run))
            and (not args.get("completed_only") or is_final(run))
            and (not args.get("run_type") or run["run_type"] == args["run_type"])
            and run["start_time"] >= args.get("start_time_from", 0)
            and run["start_time"] <= args.get("start_time_to", run["start_time"])
        )
        if keep and permissions.allows(call.ws, call.who, "jobs", str(run["job_id"]), "CAN_VIEW"):
            found.append(public(run))
    part, links = page(found, args, "limit", 20, 26)
    if not args.get("expand_tasks"):
        for run in part:
            run.pop("tasks")
            run.pop("job_clusters")
    return {"runs": part, "has_more": "next_page_token" in links, **links}


@api.add("GET", "/api/{v}/jobs/runs/get-output", like=JobsAPI.get_run_output)
def get_output(call: Call) -> Answer:
    """Logs and error of one task's run, once it has ended."""
    run, task = run_of(call, "CAN_VIEW")
    if task is None:
        if len(run["tasks"]) != 1:
            raise invalid(
                "Retrieving the output of runs with multiple tasks is not supported. Retrieve the "
                "output of each individual task run instead."
            )
        task = run["tasks"][0]
    answer: Doc = {"metadata": public(task) | {"job_id": run["job_id"]}}
    if not is_final(task):
        return answer
    folder = folder_of(call.ws, task)
    text, cut = output.logs(folder)
    answer |= {"logs": text, "logs_truncated": cut, **output.error(folder)}
    if task["state"].get("result_state") != "SUCCESS" and "error" not in answer:
        answer["error"] = task["state"]["state_message"]
    return answer


@api.add("POST", "/api/{v}/jobs/runs/cancel", like=JobsAPI.cancel_run)
def cancel(call: Call) -> Answer:
    """Ask for the end; nothing happens to a run that has ended."""
    run, _ = run_of(call, "CAN_MANAGE_RUN")
    if not is_final(run):
        call.ws.runner.cancel(run)
    return None


@api.add("POST", "/api/{v}/jobs/runs/cancel-all", like=JobsAPI.cancel_all_runs)
def cancel_all(call: Call) -> Answer:
    """Cancel a job's active runs."""
    job = job_of(call, "CAN_MANAGE_RUN")
    for run in call.ws.store.all("run"):
        if run["job_id"] == job["job_id"] and not is_final(run):
            call.ws.runner.cancel(run)
    return None


@api.add("POST", "/api/{v}/jobs/runs/delete", like=JobsAPI.delete_run)
def delete(call: Call) -> Answer:
    """Forget a run that has ended."""
    run, _ = run_of(call, "CAN_MANAGE_RUN")
    if not is_final(run):
        raise bad_state(f"Run {run['run_id']} is active and cannot be deleted.")
    call.ws.store.delete("run", run["run_id"])
    return None


def run_of(call: Call, level: str) -> tuple[Doc, Doc | None]:
    """Return the run that the request names, and the task's attempt if it names one.

    Raises:
        ApiError: 400 (so does the platform) if it is not there, 403 without the permission.
    """
    run_id = call.args["run_id"]
    run, task = call.ws.store.get("run", run_id), None
    if run is None:
        for other in call.ws.store.all("run"):
            for attempt in other["tasks"]:
                if attempt["run_id"] == run_id:
                    run, task = other, attempt
    if run is None:
        raise ApiError(400, "INVALID_PARAMETER_VALUE", f"Run {run_id} does not exist.")
    permissions.require(call.ws, call.who, "jobs", str(run["job_id"]), level)
    return run, task


def _same_token(call: Call, scope: str) -> int | None:
    token = call.args.get("idempotency_token")
    if token is None:
        return None
    if len(token) > 64:
        raise invalid("The idempotency token must have at most 64 characters.")
    known = call.ws.store.get("idempotency", f"{scope}/{token}")
    if known is None:
        return None
    run = call.ws.store.get("run", known["run_id"])
    if run is None:
        raise bad_state("The run with this idempotency token has been deleted.")
    if run["creator_user_name"] != call.who.name:
        raise denied("This idempotency token was used by somebody else.")
    return int(known["run_id"])


def _remember(call: Call, scope: str, run: Doc) -> None:
    if token := call.args.get("idempotency_token"):
        call.ws.store.put("idempotency", f"{scope}/{token}", {"run_id": run["run_id"]})
