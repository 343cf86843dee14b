"""Bad answers, lost machines, lost nodes: never a second job, never a false end, always a cause."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from databricks.sdk import WorkspaceClient
from databricks.sdk.config import Config

from launch.base import RunHandle, RunSpec, RunState, RunStatus
from launch.databricks.launcher import DatabricksLauncher
from launch.errors import SubmitError
from launch.testing.contract import everything
from launch.testing.payload import MODULE, STARTED

pytestmark = pytest.mark.slow

SUBMIT = "/api/2.2/jobs/runs/submit"


class HurriedClock:
    """The machine's time, in which waiting takes a twentieth: for the SDK's own back-off."""

    def __init__(self) -> None:
        self.slept = 0.0

    def now(self) -> float:
        return time.time()

    def time(self) -> float:
        return time.time()

    def sleep(self, seconds: float) -> None:
        self.slept += seconds
        time.sleep(seconds / 20)


@pytest.fixture
def hurried(ws, monkeypatch) -> DatabricksLauncher:
    monkeypatch.setenv("LAKESIGHT_VOLUME", "/Volumes/main/default/runs")
    clock = HurriedClock()
    config = Config(
        host=ws.host,
        token=ws.token,
        http_timeout_seconds=2,
        retry_timeout_seconds=30,
        clock=clock,
    )
    client = WorkspaceClient(config=config)
    return DatabricksLauncher(client, clock, log_interval_s=0.2)


@pytest.fixture
def spec(tmp_path: Path) -> Callable[..., RunSpec]:
    def make(*words: str, **more) -> RunSpec:
        run_id = uuid.uuid4().hex
        (tmp_path / run_id).mkdir()
        fields = {"use_cpu": True, "cancel_grace_s": 2.0, **more}
        return RunSpec(run_id, str(tmp_path / run_id), MODULE, words, **fields)

    return make


def until(
    launcher: DatabricksLauncher, handle: RunHandle, *states: RunState, wait_s: float = 40.0
) -> RunStatus:
    end = time.monotonic() + wait_s
    while time.monotonic() < end:
        status = launcher.poll([handle])[handle.run_id]
        if status.state in states or (not states and status.state.is_final):
            return status
        assert not status.state.is_final, status
        time.sleep(0.05)
    raise AssertionError(f"still {status}")


def runs_of(client: WorkspaceClient, one: RunSpec) -> list[int]:
    """Return the platform's runs that were given this run's spec."""
    return [
        run.run_id
        for run in client.jobs.list_runs(expand_tasks=True, limit=24)
        if any(
            f"/{one.run_id}/" in task.python_wheel_task.named_parameters["spec"]
            for task in run.tasks
        )
    ]


@pytest.mark.parametrize(
    "fault", [429, 503, "drop", "drop_after_commit", "timeout_after_commit", "duplicate"]
)
def test_a_bad_answer_to_submit_gives_one_job(ws, client, hurried, spec, fault) -> None:
    one = spec("succeed")
    ws.faults.add("POST", SUBMIT, times=2, status=fault, retry_after=1)
    handle = hurried.submit(one)
    assert runs_of(client, one) == [int(handle.external_id)]
    assert until(hurried, handle).state is RunState.SUCCEEDED
    assert everything(hurried, handle).count(STARTED) == 1


def test_a_submitter_that_dies_after_the_request_starts_no_second_job(
    ws, client, launchers, spec, monkeypatch
) -> None:
    one = spec("succeed")
    dying = launchers()
    monkeypatch.setattr("launch.databricks.record.Record.keep", _die)
    with pytest.raises(KeyboardInterrupt):
        dying.submit(one)
    monkeypatch.undo()
    monkeypatch.setenv("LAKESIGHT_VOLUME", "/Volumes/main/default/runs")
    handle = launchers().submit(one)
    assert runs_of(client, one) == [int(handle.external_id)]


def _die(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_refusal_says_why_and_starts_nothing(ws, client, launchers, spec) -> None:
    one = spec("succeed")
    ws.faults.add("POST", SUBMIT, status="permission_denied", message="no clusters for you")
    with pytest.raises(SubmitError, match=r"no clusters for you.*docs/permissions.md"):
        launchers().submit(one)
    assert runs_of(client, one) == []


def test_an_outage_changes_no_state_and_is_not_hammered(ws, launchers, spec) -> None:
    launcher = launchers()
    handle = launcher.submit(spec("sleep", "4"))
    until(launcher, handle, RunState.RUNNING)
    ws.faults.add("GET", "/api/*", times=-1, status=500)
    for _ in range(20):
        assert launcher.poll([handle])[handle.run_id].state is RunState.RUNNING
    hits = sum(rule["hits"] for rule in ws.faults.listing()["api"])
    assert 1 <= hits <= 3
    ws.faults.clear()
    assert until(launcher, handle).state is RunState.SUCCEEDED


def test_many_runs_are_asked_for_in_few_requests(ws, launchers, spec, monkeypatch) -> None:
    launcher = launchers()
    handles = [launcher.submit(spec("sleep", "120")) for _ in range(8)]
    for handle in handles:
        until(launcher, handle, RunState.RUNNING)
    asked: list[str] = []
    client = launcher._clients.get()
    do = client.api_client.do
    monkeypatch.setattr(
        client.api_client, "do", lambda m, p=None, *a, **k: (asked.append(p), do(m, p, *a, **k))[1]
    )
    statuses = launcher.poll(handles)
    assert {s.state for s in statuses.values()} == {RunState.RUNNING}
    assert [path for path in asked if "/jobs/" in str(path)] == ["/api/2.2/jobs/runs/list"]
    for handle in handles:
        launcher.cancel(handle)
    for handle in handles:
        until(launcher, handle)
    asked.clear()
    launcher.poll(handles)
    assert asked == [], "how it ended is not asked again"


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("stockout", "the cloud has no such machine left"),
        ("quota", "quota for this machine is used up"),
        ("library", "a library could not be installed"),
        ("bootstrap", "the cluster did not come up"),
    ],
)
def test_a_machine_that_does_not_come_says_why(ws, launchers, spec, kind, said) -> None:
    launcher = launchers()
    ws.faults.compute(kind)
    status = until(launcher, launcher.submit(spec("succeed")))
    assert status.state is RunState.FAILED
    assert status.reason.startswith(said) or said in status.reason
    assert (
        "compute." in status.reason or "submit" in status.reason.lower() or "check" in status.reason
    )


def test_an_evicted_run_goes_on_as_another_attempt(ws, launchers, spec, monkeypatch) -> None:
    monkeypatch.setattr("launch.databricks.task.RETRY_PAUSE_MS", 200)
    launcher = launchers()
    handle = launcher.submit(spec("sleep", "3", max_retries=1))
    until(launcher, handle, RunState.RUNNING)
    ws.core.runner.evict(int(handle.external_id))
    status = until(launcher, handle)
    assert (status.state, status.attempt) == (RunState.SUCCEEDED, 2)


def test_an_evicted_run_without_retries_says_so(ws, launchers, spec) -> None:
    launcher = launchers()
    handle = launcher.submit(spec("sleep", "60"))
    until(launcher, handle, RunState.RUNNING)
    ws.core.runner.evict(int(handle.external_id))
    status = until(launcher, handle)
    assert status.state is RunState.FAILED
    assert status.reason.startswith("the cloud took the spot machine back")
    assert "compute.max_retries" in status.reason


def test_serverless_gpus_run_the_same_entry_point(ws, client, launchers, spec) -> None:
    launcher = launchers()
    compute = {"way": "serverless", "hardware_accelerator": "GPU_1xA10"}
    handle = launcher.submit(spec("succeed", compute=compute))
    assert until(launcher, handle).state is RunState.SUCCEEDED
    (task,) = client.jobs.get_run(int(handle.external_id)).tasks
    assert task.new_cluster is None
    assert everything(launcher, handle).count(STARTED) == 1


def test_a_limit_of_time_is_kept_and_told(ws, launchers, spec) -> None:
    launcher = launchers()
    status = until(launcher, launcher.submit(spec("sleep", "60", timeout_s=0.5, max_retries=2)))
    assert (status.state, status.attempt) == (RunState.FAILED, 1)
    assert "0.5 s" in status.reason


def test_a_stubborn_run_is_ended_after_its_grace(ws, launchers, spec) -> None:
    launcher = launchers()
    handle = launcher.submit(spec("stubborn", "600", cancel_grace_s=0.5))
    until(launcher, handle, RunState.RUNNING)
    launcher.cancel(handle)
    assert until(launcher, handle).state is RunState.CANCELED


def test_canceled_on_the_platform_is_canceled_here(ws, client, launchers, spec) -> None:
    launcher = launchers()
    handle = launcher.submit(spec("sleep", "600", max_retries=1))
    until(launcher, handle, RunState.RUNNING)
    client.jobs.cancel_run(int(handle.external_id))
    status = until(launcher, handle)
    assert (status.state, status.reason) == (RunState.CANCELED, "canceled on the platform")


def test_a_run_is_found_by_its_number_without_the_submitters_folder(
    ws, launchers, spec, monkeypatch
) -> None:
    handle = launchers().submit(spec("succeed"))
    monkeypatch.delenv("LAKESIGHT_VOLUME")
    elsewhere = RunHandle("databricks", handle.run_id, handle.external_id, "")
    later = launchers()
    monkeypatch.delenv("LAKESIGHT_VOLUME", raising=False)
    assert until(later, elsewhere).state is RunState.SUCCEEDED
    assert STARTED in everything(later, elsewhere)
