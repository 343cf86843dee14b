"""What a test can make go wrong, and that the real client then ends up with one run."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
import requests
from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import PermissionDenied, TemporarilyUnavailable
from databricks.sdk.service.jobs import Run, RunLifeCycleState, SubmitTask, TerminationCodeCode

from launch.workspace import FakeWorkspace

Script = Callable[..., SubmitTask]
Ended = Callable[..., Run]
Until = Callable[..., Any]
SUBMIT = "/api/2.2/jobs/runs/submit"


@pytest.mark.parametrize(
    ("status", "hits"), [(429, 2), (503, 2), ("drop", 1), ("drop_after_commit", 1)]
)
def test_one_submit_is_one_run_whatever_the_answer(
    ws: FakeWorkspace, client: WorkspaceClient, script: Script, status: int | str, hits: int
) -> None:
    fault = ws.faults.add("POST", "*/runs/submit", times=hits, status=status, retry_after=0)
    before = len(ws.core.store.all("run"))
    token = f"token-{status}"
    run_id = client.jobs.submit(tasks=[script("pass")], idempotency_token=token).run_id
    assert fault.hits == hits
    assert len(ws.core.store.all("run")) == before + 1
    assert client.jobs.submit(tasks=[script("pass")], idempotency_token=token).run_id == run_id


@pytest.mark.parametrize("status", ["timeout_after_commit", "timeout"])
def test_a_time_out_too(ws: FakeWorkspace, script: Script, status: str) -> None:
    client = ws.client(http_timeout_seconds=1)
    ws.faults.add("POST", SUBMIT, status=status)
    before = len(ws.core.store.all("run"))
    client.jobs.submit(tasks=[script("pass")], idempotency_token=f"token-{status}")
    assert len(ws.core.store.all("run")) == before + 1


def test_a_duplicate_without_token_is_two_runs(
    ws: FakeWorkspace, client: WorkspaceClient, script: Script
) -> None:
    """The fault is real: only the token protects."""
    before = len(ws.core.store.all("run"))
    ws.faults.add("POST", SUBMIT, status="duplicate", times=2)
    client.jobs.submit(tasks=[script("pass")])
    assert len(ws.core.store.all("run")) == before + 2
    client.jobs.submit(tasks=[script("pass")], idempotency_token="once")
    assert len(ws.core.store.all("run")) == before + 3


def test_permission_denied_and_a_lasting_503(ws: FakeWorkspace) -> None:
    ws.faults.add("GET", "*/clusters/*", status="permission_denied")
    with pytest.raises(PermissionDenied, match="injected"):
        ws.client().clusters.list_node_types()
    ws.faults.add("GET", "*/spark-versions", status=503, times=-1)
    impatient = ws.client(retry_timeout_seconds=1)
    with pytest.raises((TemporarilyUnavailable, TimeoutError)):
        impatient.clusters.spark_versions()


def test_retry_after_is_sent(ws: FakeWorkspace) -> None:
    ws.faults.add("GET", "*", status=429, retry_after=7)
    answer = requests.get(f"{ws.host}/api/2.1/clusters/list-node-types", timeout=10)
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "7"
    assert answer.json()["error_code"] == "REQUEST_LIMIT_EXCEEDED"


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("stockout", TerminationCodeCode.CLOUD_FAILURE),
        ("quota", TerminationCodeCode.CLUSTER_REQUEST_LIMIT_EXCEEDED),
        ("library", TerminationCodeCode.LIBRARY_INSTALLATION_ERROR),
        ("bootstrap", TerminationCodeCode.CLUSTER_ERROR),
    ],
)
def test_a_machine_that_never_comes(
    ws: FakeWorkspace,
    client: WorkspaceClient,
    script: Script,
    ended: Ended,
    kind: str,
    code: TerminationCodeCode,
) -> None:
    ws.faults.compute(kind)
    run = ended(client.jobs.submit(tasks=[script("print('never')")]).run_id)
    assert run.status
    assert run.status.termination_details
    assert run.status.termination_details.code == code
    assert run.state
    assert run.state.life_cycle_state == RunLifeCycleState.INTERNAL_ERROR
    assert run.tasks
    assert "never" not in (client.jobs.get_run_output(run.tasks[0].run_id or 0).logs or "")


def test_an_eviction_kills_and_the_retry_goes_on(
    ws: FakeWorkspace, client: WorkspaceClient, script: Script, ended: Ended, until: Until
) -> None:
    mark = ws.root / "evicted"
    text = (
        "import pathlib, time\n"
        f"p = pathlib.Path({str(mark)!r})\n"
        "if not p.exists(): p.write_text('x'); time.sleep(60)\n"
    )
    run_id = client.jobs.submit(tasks=[script(text, max_retries=1)]).run_id
    until(mark.exists)
    assert ws.evict(run_id) == ["main"]
    run = ended(run_id)
    assert run.tasks
    first, second = run.tasks
    assert first.status
    assert first.status.termination_details
    assert first.status.termination_details.code == TerminationCodeCode.CLUSTER_ERROR
    assert "spot instance" in (first.status.termination_details.message or "")
    assert second.state
    assert second.state.result_state
    assert second.state.result_state.value == "SUCCESS"
    assert first.cluster_instance
    lost = client.clusters.get(first.cluster_instance.cluster_id or "")
    assert lost.termination_reason
    assert lost.termination_reason.code
    assert lost.termination_reason.code.value == "SPOT_INSTANCE_TERMINATION"


def test_faults_over_http(ws: FakeWorkspace, client: WorkspaceClient, script: Script) -> None:
    """Other processes set them too."""
    rule = {"method": "POST", "path": "*/submit", "status": 503, "times": 1, "retry_after": 0}
    assert requests.post(f"{ws.host}/fake/faults", json=rule, timeout=10).status_code == 200
    client.jobs.submit(tasks=[script("pass")])
    listed = requests.get(f"{ws.host}/fake/faults", timeout=10).json()
    assert [fault["hits"] for fault in listed["api"]] == [1]
    wrong = {"compute": "evicton"}
    answer = requests.post(f"{ws.host}/fake/faults", json=wrong, timeout=10)
    assert answer.status_code == 400
    assert "Did you mean 'eviction'" in answer.json()["message"]
    requests.delete(f"{ws.host}/fake/faults", timeout=10)
    assert requests.get(f"{ws.host}/fake/faults", timeout=10).json()["api"] == []


def test_a_hanging_request_does_not_hold_the_server(ws: FakeWorkspace) -> None:
    ws.faults.add("GET", "*/list-node-types", status="timeout")
    with pytest.raises(requests.Timeout):
        requests.get(f"{ws.host}/api/2.1/clusters/list-node-types", timeout=0.2)
    start = time.monotonic()
    assert ws.client().current_user.me().user_name
    assert time.monotonic() - start < 5
