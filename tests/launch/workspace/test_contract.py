"""What the API refuses: unknown fields, bad enum values, missing fields, wrong types."""

from __future__ import annotations

import copy
import inspect
import re
from collections.abc import Callable
from typing import Any

import pytest
import requests
from databricks.bundles.jobs import Job
from databricks.sdk.service.jobs import JobSettings

from launch.workspace import FakeWorkspace
from launch.workspace.apis import ALL
from launch.workspace.contract import check, fields
from launch.workspace.errors import ApiError

CLUSTER = {
    "spark_version": "17.3.x-gpu-ml-scala2.13",
    "node_type_id": "g5.12xlarge",
    "num_workers": 0,
    "spark_conf": {"spark.databricks.cluster.profile": "singleNode", "spark.master": "local[*]"},
    "custom_tags": {"ResourceClass": "SingleNode"},
    "aws_attributes": {"availability": "ON_DEMAND", "first_on_demand": 1},
}
GOOD: dict[str, Any] = {
    "run_name": "r",
    "queue": {"enabled": True},
    "tasks": [
        {
            "task_key": "train",
            "new_cluster": CLUSTER,
            "max_retries": 0,
            "python_wheel_task": {"package_name": "p", "entry_point": "e", "parameters": ["a"]},
            "libraries": [{"whl": "/Volumes/main/default/cv/p.whl"}],
        }
    ],
}
Change = Callable[[dict[str, Any]], Any]

BAD: dict[str, tuple[Change, str]] = {
    "unknown at the top": (lambda b: b.update(run_nam="x"), "Did you mean 'run_name'"),
    "unknown deep inside": (
        lambda b: b["tasks"][0]["new_cluster"].update(node_type="x"),
        r"tasks\[0\].new_cluster.node_type'",
    ),
    "job_clusters on submit": (lambda b: b.update(job_clusters=[]), "job_clusters"),
    "bad enum": (
        lambda b: b["tasks"][0]["new_cluster"]["aws_attributes"].update(availability="ONDEMAND"),
        "Did you mean 'ON_DEMAND'",
    ),
    "missing field": (
        lambda b: b["tasks"][0]["python_wheel_task"].pop("entry_point"),
        "Missing required field: tasks.0..python_wheel_task.entry_point",
    ),
    "number as text": (lambda b: b.update(timeout_seconds="soon"), "must be an integer"),
    "text as list": (lambda b: b["tasks"][0].update(libraries="x.whl"), "must be a list"),
    "text as flag": (lambda b: b["queue"].update(enabled="yes"), "true or false"),
    "no tasks": (lambda b: b.pop("tasks"), "At least one task"),
    "two kinds": (
        lambda b: b["tasks"][0].update(spark_python_task={"python_file": "/Workspace/x.py"}),
        "exactly one task type",
    ),
    "both parameters": (
        lambda b: b["tasks"][0]["python_wheel_task"].update(named_parameters={"a": "b"}),
        "not both",
    ),
    "parameters too long": (
        lambda b: b["tasks"][0]["python_wheel_task"].update(parameters=["x" * 10_001]),
        "10,000 bytes",
    ),
    "no compute": (lambda b: b["tasks"][0].pop("new_cluster"), "exactly one of new_cluster"),
    "node type": (
        lambda b: b["tasks"][0]["new_cluster"].update(node_type_id="g5.12xlarg"),
        "Did you mean 'g5.12xlarge'",
    ),
    "runtime": (
        lambda b: b["tasks"][0]["new_cluster"].update(spark_version="17.3.x-gpu-ml-scala2.12"),
        "Invalid spark version",
    ),
    "not single node": (
        lambda b: b["tasks"][0]["new_cluster"].pop("custom_tags"),
        "ResourceClass=SingleNode",
    ),
    "policy": (
        lambda b: b["tasks"][0]["new_cluster"].update(policy_id="none"),
        "policy none does not exist",
    ),
    "token too long": (lambda b: b.update(idempotency_token="x" * 65), "64 characters"),
}


def post(ws: FakeWorkspace, body: Any) -> requests.Response:
    url = f"{ws.host}/api/2.2/jobs/runs/submit"
    headers = {"Authorization": f"Bearer {ws.token}"}
    return requests.post(url, json=body, headers=headers, timeout=10)


def test_the_good_body_is_taken(ws: FakeWorkspace) -> None:
    assert post(ws, GOOD).status_code == 200


@pytest.mark.parametrize("case", BAD)
def test_a_bad_body_is_refused_in_the_platforms_shape(ws: FakeWorkspace, case: str) -> None:
    change, message = BAD[case]
    body = copy.deepcopy(GOOD)
    change(body)
    before = len(ws.core.store.all("run"))
    answer = post(ws, body)
    assert answer.status_code == 400
    assert answer.json()["error_code"] in ("INVALID_PARAMETER_VALUE", "MALFORMED_REQUEST")
    with pytest.raises(AssertionError, match=message):
        raise AssertionError(answer.json()["message"])
    assert len(ws.core.store.all("run")) == before


def test_what_is_not_json_is_refused(ws: FakeWorkspace) -> None:
    url = f"{ws.host}/api/2.2/jobs/runs/submit"
    headers = {"Authorization": f"Bearer {ws.token}", "Content-Type": "application/json"}
    answer = requests.post(url, data="{", headers=headers, timeout=10)
    assert (answer.status_code, answer.json()["error_code"]) == (400, "MALFORMED_REQUEST")


@pytest.mark.parametrize(
    ("change", "agrees"),
    [
        (lambda job: None, True),
        (lambda job: job.update(max_concurent_runs=1), False),
        (lambda job: job["tasks"][0].update(task_timeout=1), False),
        (lambda job: job["tasks"][0].update(run_if="ALWAYS"), False),
    ],
)
def test_the_bundle_models_are_of_one_mind(change: Change, agrees: bool) -> None:
    """An independent oracle: what `databricks-bundles` takes and refuses, so does the double."""
    job: dict[str, Any] = {"name": "j", "tasks": copy.deepcopy(GOOD["tasks"])}
    change(job)

    def accepted(take: Callable[[], object]) -> bool:
        try:
            take()
        except (ApiError, TypeError, ValueError):
            return False
        return True

    assert accepted(lambda: Job.from_dict(job)) == agrees
    assert accepted(lambda: check(JobSettings, job)) == agrees


def test_no_endpoint_refuses_what_the_sdk_sends() -> None:
    """The names in the SDK's requests, read from its source, are those that the contract allows."""
    routes = [route for api in ALL for route in api.routes if inspect.isfunction(route.like)]
    assert len(routes) > 60
    for route in routes:
        sent = set(re.findall(r'(?:body|query)\["(\w+)"\]', inspect.getsource(route.like)))
        allowed = fields(route.like)
        assert sent <= set(allowed), route.path
        given = set(re.findall(r"<(?:[^:>]*:)?(\w+)>", route.path))
        required = {name for name, (_, needed) in allowed.items() if needed}
        assert required <= sent | given, route.path
