"""The platform's states and failures as ours: nothing unknown is an end, causes come first."""

from __future__ import annotations

import itertools
from unittest.mock import create_autospec

import pytest
from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import NotFound, TooManyRequests
from databricks.sdk.service.jobs import (
    Run,
    RunLifeCycleState,
    RunLifecycleStateV2State,
    RunOutput,
    RunResultState,
    TerminationCodeCode,
)

from launch.base import RunState
from launch.databricks import failures
from launch.databricks.pace import Pace
from launch.databricks.states import state_of
from launch.testing.clock import FakeClock


def run(state: str | None = None, code: str | None = None, **old: str) -> Run:
    status = {"state": state, "termination_details": {"code": code, "message": ""}}
    return Run.from_dict({"status": status if state else None, "state": old or None})


@pytest.mark.parametrize(
    ("found", "meant"),
    [
        (run("PENDING"), RunState.PENDING),
        (run("BLOCKED"), RunState.PENDING),
        (run("QUEUED"), RunState.QUEUED),
        (run("WAITING"), RunState.QUEUED),
        (run("RUNNING"), RunState.RUNNING),
        (run("TERMINATING"), RunState.RUNNING),
        (run("TERMINATED", "SUCCESS"), RunState.SUCCEEDED),
        (run("TERMINATED", "USER_CANCELED"), RunState.CANCELED),
        (run("TERMINATED", "CLUSTER_ERROR"), RunState.FAILED),
        (run("TERMINATED", "CANCELED", result_state="TIMEDOUT"), RunState.FAILED),
        (run(life_cycle_state="RUNNING"), RunState.RUNNING),
        (run(life_cycle_state="WAITING_FOR_RETRY"), RunState.QUEUED),
        (run(life_cycle_state="TERMINATED", result_state="SUCCESS"), RunState.SUCCEEDED),
        (run(life_cycle_state="INTERNAL_ERROR"), RunState.FAILED),
        (run(life_cycle_state="SKIPPED"), RunState.FAILED),
    ],
)
def test_a_known_state(found: Run, meant: RunState) -> None:
    assert state_of(found) is meant


@pytest.mark.parametrize(
    "found",
    [
        run(),
        run("HIBERNATING"),
        run("TERMINATED"),
        run("TERMINATED", "CLUSTER_TERMINATED_BY_USER"),
        run(life_cycle_state="TERMINATED"),
        run(life_cycle_state="TERMINATED", result_state="PARTIAL"),
        run(life_cycle_state="NEW"),
    ],
)
def test_an_unknown_state_is_no_end(found: Run) -> None:
    assert state_of(found) is None


def test_only_success_is_success() -> None:
    for new, code in itertools.product(RunLifecycleStateV2State, [None, *TerminationCodeCode]):
        found = run(new.value, code.value if code else None)
        good = (new.value, code and code.value) == ("TERMINATED", "SUCCESS")
        assert (state_of(found) is RunState.SUCCEEDED) == good
    for old, result in itertools.product(RunLifeCycleState, RunResultState):
        found = run(life_cycle_state=old.value, result_state=result.value)
        if state_of(found) is RunState.SUCCEEDED:
            assert result is RunResultState.SUCCESS


def failed(code: str, message: str, output: RunOutput | None = None) -> str:
    client = create_autospec(WorkspaceClient, instance=True)
    client.jobs.get_run_output.side_effect = None if output else NotFound("gone")
    client.jobs.get_run_output.return_value = output
    details = {"code": code, "message": message, "type": "CLIENT_ERROR"}
    task = {
        "task_key": "train",
        "run_id": 5,
        "attempt_number": 0,
        "state": {"life_cycle_state": "TERMINATED", "result_state": "FAILED"},
        "status": {"state": "TERMINATED", "termination_details": details},
    }
    return failures.sentence(client, Run.from_dict({"tasks": [task], **task}))


@pytest.mark.parametrize(
    ("code", "message", "said"),
    [
        ("CLOUD_FAILURE", "AWS_INSUFFICIENT_INSTANCE_CAPACITY_FAILURE", "no such machine left"),
        ("CLOUD_FAILURE", "Azure: AllocationFailed", "no such machine left"),
        ("CLOUD_FAILURE", "GCP: ZONE_RESOURCE_POOL_EXHAUSTED", "no such machine left"),
        ("CLUSTER_ERROR", "You have requested more vCPU: VcpuLimitExceeded", "quota"),
        ("CLUSTER_ERROR", "SPOT_INSTANCE_TERMINATION", "took the spot machine back"),
        ("LIBRARY_INSTALLATION_ERROR", "pip said no", "a library could not be installed"),
        ("UNAUTHORIZED_ERROR", "x", "docs/permissions.md"),
        ("MAX_CONCURRENT_RUNS_EXCEEDED", "", "does not queue"),
        ("STORAGE_ACCESS_ERROR", "", "READ VOLUME"),
        ("DRIVER_ERROR", "", "ran out of memory"),
        ("INTERNAL_ERROR", "something", "the platform ended it (INTERNAL_ERROR)"),
    ],
)
def test_a_failure_says_its_cause_and_what_to_do(code: str, message: str, said: str) -> None:
    assert said in failed(code, message)


def test_what_the_task_itself_said_goes_before_the_platforms_words() -> None:
    own = RunOutput(error="SystemExit: FAILED: the disk is full. Make room.")
    assert failed("RUN_EXECUTION_ERROR", "Workload failed", own) == "the disk is full. Make room."
    logs = RunOutput(error="SystemExit: 1", logs="torch.OutOfMemoryError: CUDA out of memory\n")
    assert "a GPU ran out of memory" in failed("RUN_EXECUTION_ERROR", "Workload failed", logs)


class TestPace:
    def test_each_failure_waits_longer_and_a_success_ends_it(self) -> None:
        clock = FakeClock()
        pace, waits = Pace(clock), []
        for _ in range(12):
            pace.failed(ConnectionError())
            start = clock.now()
            while pace.is_waiting():
                clock.advance(0.25)
            waits.append(clock.now() - start)
        assert waits[0] <= 3.5
        assert max(waits) <= 181
        assert sum(waits[6:]) > sum(waits[:6])
        pace.failed(ConnectionError())
        pace.answered()
        assert not pace.is_waiting()

    def test_what_the_workspace_asks_for_is_kept_to(self) -> None:
        clock = FakeClock()
        pace = Pace(clock)
        error = TooManyRequests("slow down")
        error.retry_after_secs = 90
        pace.failed(error)
        clock.advance(89)
        assert pace.is_waiting()

    def test_a_refusal_is_not_waited_for(self) -> None:
        pace = Pace(FakeClock())
        pace.failed(NotFound("x"))
        assert not pace.is_waiting()
