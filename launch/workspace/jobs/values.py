"""Dynamic value references in parameters: `{{job.run_id}}` and its like."""

from __future__ import annotations

import re
from typing import Any

from launch.workspace.jobs.status import Doc

_REFERENCE = re.compile(r"\{\{\s*([A-Za-z0-9_.-]+)\s*\}\}")


def references(run: Doc, task: Doc) -> dict[str, str]:
    """Return the values that a task's parameters may refer to.

    Source: Databricks docs, "What is a dynamic value reference?" (those without schedules).
    """
    values: dict[str, Any] = {
        "job.id": run["job_id"],
        "job.name": run["run_name"],
        "job.run_id": run["run_id"],
        "job.repair_count": len(run.get("repair_history") or [1]) - 1,
        "job.trigger.type": run["trigger"].lower(),
        "task.name": task["task_key"],
        "task.run_id": task["run_id"],
        "task.execution_count": task["attempt_number"] + 1,
        # The old names.
        "job_id": run["job_id"],
        "run_id": task["run_id"],
        "parent_run_id": run["run_id"],
        "task_key": task["task_key"],
    }
    for parameter in run["job_parameters"]:
        values[f"job.parameters.{parameter['name']}"] = parameter["value"]
    return {key: str(value) for key, value in values.items()}


def resolve(text: str, values: dict[str, str]) -> str:
    """Return `text` with known references replaced; unknown ones stay as they are."""
    return _REFERENCE.sub(lambda match: values.get(match[1], match[0]), text)


def arguments(run: Doc, task: Doc, body: Doc) -> list[str]:
    """Return a task's command-line arguments.

    Job parameters are pushed down to tasks with named parameters, and only to them.
    Source: Databricks docs, "Configure task parameters".
    """
    values = references(run, task)
    if "named_parameters" in body:
        pushed = {p["name"]: p["value"] for p in run["job_parameters"]}
        named = body["named_parameters"] | pushed
        return [f"--{key}={resolve(value, values)}" for key, value in named.items()]
    return [resolve(value, values) for value in body.get("parameters") or []]
