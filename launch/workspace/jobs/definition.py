"""What a job's tasks must be, beyond the shapes that the contract checks."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from cvcore.errors import did_you_mean
from launch.workspace.errors import invalid
from launch.workspace.node_types import NODE_TYPES, RUNTIMES

if TYPE_CHECKING:
    from launch.workspace.core import Workspace

RUNNABLE = ("python_wheel_task", "spark_python_task", "ai_runtime_task")
_KEY = re.compile(r"^[A-Za-z0-9_-]{1,100}$")
_WHERE = ("new_cluster", "existing_cluster_id", "job_cluster_key", "environment_key")


def check_tasks(ws: Workspace, body: dict[str, Any]) -> None:
    """Refuse tasks that the platform would refuse.

    Raises:
        ApiError: 400 naming the task and the field.
    """
    tasks = body.get("tasks") or []
    if not tasks:
        raise invalid("At least one task must be specified.")
    keys = [task["task_key"] for task in tasks]
    clusters = {c["job_cluster_key"]: c["new_cluster"] for c in body.get("job_clusters") or []}
    environments = {e["environment_key"] for e in body.get("environments") or []}
    for key, spec in clusters.items():
        check_cluster(ws, spec, f"Job cluster '{key}'")
    for task in tasks:
        key = task["task_key"]
        if not _KEY.match(key):
            raise invalid(f"Task key '{key}' may hold letters, digits, _ and - only.")
        if keys.count(key) > 1:
            raise invalid(f"Task key '{key}' is not unique.")
        for upstream in task.get("depends_on") or []:
            if upstream["task_key"] not in keys or upstream["task_key"] == key:
                raise invalid(f"Task '{key}' depends on unknown '{upstream['task_key']}'.")
        _check_kind(task)
        _check_compute(ws, task, clusters, environments)


def _check_kind(task: dict[str, Any]) -> None:
    key = task["task_key"]
    kinds = [name for name in task if name.endswith("_task")]
    if len(kinds) != 1:
        raise invalid(f"Task '{key}' must have exactly one task type, not {kinds or 'none'}.")
    if kinds[0] not in RUNNABLE:
        raise invalid(f"This test double executes {', '.join(RUNNABLE)}, not {kinds[0]}.")
    body = task[kinds[0]]
    if body.get("parameters") and body.get("named_parameters"):
        raise invalid(f"Task '{key}': give parameters or named_parameters, not both.")
    # A limit of the platform: bigger things go to a Volume, and their path goes here.
    if len(json.dumps(body.get("parameters") or body.get("named_parameters") or [])) > 10_000:
        raise invalid(f"Task '{key}': the parameters exceed 10,000 bytes.")
    if kinds[0] == "ai_runtime_task" and len(body.get("deployments") or []) != 1:
        raise invalid(f"Task '{key}': ai_runtime_task needs exactly one deployment.")


def _check_compute(
    ws: Workspace, task: dict[str, Any], clusters: dict[str, Any], environments: set[str]
) -> None:
    key = task["task_key"]
    given = [name for name in _WHERE if task.get(name)]
    if len(given) != 1:
        raise invalid(
            f"Task '{key}' must say where it runs with exactly one of {', '.join(_WHERE)}, "
            f"not {given or 'none'}."
        )
    if given == ["new_cluster"]:
        check_cluster(ws, task["new_cluster"], f"Task '{key}'")
    elif given == ["job_cluster_key"] and task["job_cluster_key"] not in clusters:
        raise invalid(f"Task '{key}' uses the undefined job cluster '{task['job_cluster_key']}'.")
    elif given == ["environment_key"]:
        if task["environment_key"] not in environments:
            raise invalid(f"Task '{key}' uses the undefined environment.")
        if task.get("libraries"):
            raise invalid(f"Task '{key}': libraries of serverless tasks go into the environment.")
    elif given == ["existing_cluster_id"]:
        raise invalid("Existing clusters do not run here: this double has job clusters only.")


def check_cluster(ws: Workspace, spec: dict[str, Any], who: str) -> None:
    """Refuse a cluster that the platform would not start.

    Raises:
        ApiError: 400 naming the field.
    """
    pool = spec.get("instance_pool_id")
    node = spec.get("node_type_id")
    if pool is not None:
        found = ws.store.get("pool", pool)
        if found is None:
            raise invalid(f"{who}: instance pool {pool} does not exist.")
        node = node or found["node_type_id"]
    if node not in NODE_TYPES:
        raise invalid(
            f"{who}: Node type {node} is not supported. Supported node types: "
            f"{', '.join(NODE_TYPES)}.{did_you_mean(str(node), NODE_TYPES)}"
        )
    version = spec.get("spark_version")
    if version not in RUNTIMES:
        raise invalid(
            f"{who}: Invalid spark version {version}.{did_you_mean(str(version), RUNTIMES)}"
        )
    policy = spec.get("policy_id")
    if policy is not None and ws.store.get("policy", policy) is None:
        raise invalid(f"{who}: cluster policy {policy} does not exist.")
    if len(spec.get("custom_tags") or {}) > 45:
        raise invalid(f"{who}: at most 45 custom tags.")
    _check_size(spec, who)


def _check_size(spec: dict[str, Any], who: str) -> None:
    managed = spec.get("kind") == "CLASSIC_PREVIEW"
    for name in ("is_single_node", "use_ml_runtime"):
        if spec.get(name) is not None and not managed:
            raise invalid(f"{who}: {name} is legal only with kind = CLASSIC_PREVIEW.")
    if spec.get("autoscale") or spec.get("num_workers"):
        return
    conf = spec.get("spark_conf") or {}
    single = (
        conf.get("spark.databricks.cluster.profile") == "singleNode"
        and conf.get("spark.master", "").startswith("local[")
        and (spec.get("custom_tags") or {}).get("ResourceClass") == "SingleNode"
    )
    if not single and not (managed and spec.get("is_single_node")):
        raise invalid(
            f"{who}: num_workers is 0 but the cluster is not a single-node one. It needs spark_conf "
            "spark.databricks.cluster.profile=singleNode, spark.master=local[*] and the custom "
            "tag ResourceClass=SingleNode."
        )
