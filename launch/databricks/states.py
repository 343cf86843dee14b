"""The platform's states of a run as ours; one that is not known is no end."""

from __future__ import annotations

from databricks.sdk.service.jobs import (
    BaseRun,
    Run,
    RunLifeCycleState,
    RunLifecycleStateV2State,
    RunResultState,
)
from databricks.sdk.service.jobs import TerminationCodeCode as Code

from launch.base import RunState

_ACTIVE = {
    RunLifecycleStateV2State.BLOCKED: RunState.PENDING,
    RunLifecycleStateV2State.PENDING: RunState.PENDING,
    RunLifecycleStateV2State.QUEUED: RunState.QUEUED,
    RunLifecycleStateV2State.RUNNING: RunState.RUNNING,
    RunLifecycleStateV2State.TERMINATING: RunState.RUNNING,
    RunLifecycleStateV2State.WAITING: RunState.QUEUED,
}
_OLD_ACTIVE = {
    RunLifeCycleState.BLOCKED: RunState.PENDING,
    RunLifeCycleState.PENDING: RunState.PENDING,
    RunLifeCycleState.QUEUED: RunState.QUEUED,
    RunLifeCycleState.RUNNING: RunState.RUNNING,
    RunLifeCycleState.TERMINATING: RunState.RUNNING,
    RunLifeCycleState.WAITING_FOR_RETRY: RunState.QUEUED,
}
_OLD_FINAL = (
    RunLifeCycleState.TERMINATED,
    RunLifeCycleState.SKIPPED,
    RunLifeCycleState.INTERNAL_ERROR,
)
_RESULTS = {
    RunResultState.SUCCESS: RunState.SUCCEEDED,
    RunResultState.CANCELED: RunState.CANCELED,
    RunResultState.UPSTREAM_CANCELED: RunState.CANCELED,
    RunResultState.FAILED: RunState.FAILED,
    RunResultState.TIMEDOUT: RunState.FAILED,
    RunResultState.MAXIMUM_CONCURRENT_RUNS_REACHED: RunState.FAILED,
    RunResultState.EXCLUDED: RunState.FAILED,
    RunResultState.SUCCESS_WITH_FAILURES: RunState.FAILED,
    RunResultState.UPSTREAM_FAILED: RunState.FAILED,
    RunResultState.DISABLED: RunState.FAILED,
}


def state_of(run: Run | BaseRun) -> RunState | None:
    """Return a run's state; None where the platform says something that is not known here.

    The newer `status` is believed first. Its CANCELED can mean a limit of time, which the older
    `result_state` tells apart.
    """
    old = run.state
    result = _RESULTS.get(old.result_state) if old and old.result_state else None
    now = run.status.state if run.status else None
    if now is RunLifecycleStateV2State.TERMINATED:
        details = run.status.termination_details if run.status else None
        code = details.code if details else None
        if result is not None:
            return result
        if code is Code.SUCCESS:
            return RunState.SUCCEEDED
        if code in (Code.USER_CANCELED, Code.CANCELED):
            return RunState.CANCELED
        return RunState.FAILED if code is not None else None
    if now is not None:
        return _ACTIVE.get(now)
    life = old.life_cycle_state if old else None
    if life in _OLD_FINAL:
        return result or (None if life is RunLifeCycleState.TERMINATED else RunState.FAILED)
    return _OLD_ACTIVE.get(life) if life is not None else None
