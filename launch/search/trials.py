"""The trials of a search, as the ledger has them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cvcore.errors import did_you_mean
from launch.base import RunState, RunStatus
from launch.errors import LaunchError
from launch.ledger import Ledger
from launch.ledger_run import LedgerRun
from launch.search.plan import Plan
from launch.search.space import Value

TRIAL = "lakesight.trial"
"""Tag of a trial: its number and what was chosen for it, as JSON."""
VALUE = "lakesight.trial_value"
"""Tag of a trial that succeeded: what its metric came to."""

MOST_RUNS = 10_000
"""Of the ledger that are read to find those of one search."""

HOPELESS = 3
"""When so many trials have ended and none has succeeded, no more are paid for."""


@dataclass(frozen=True)
class Trial:
    """A run of a search.

    Attributes:
        run: in the ledger.
        number: counted from 0.
        values: what was chosen, by key.
        state: how it is.
        value: of the metric; None while there is none.
        metrics: names of those a trial has that succeeded without the one asked for.
    """

    run: LedgerRun
    number: int
    values: Mapping[str, Value]
    state: RunState
    value: float | None = None
    metrics: tuple[str, ...] = ()


def trials_of(runs: Sequence[LedgerRun], parent: str) -> list[LedgerRun]:
    """Return the runs of a search, the first one first."""
    mine = [run for run in runs if run.parent == parent and TRIAL in run.tags]
    return sorted(mine, key=lambda run: int(json.loads(run.tags[TRIAL])["number"]))


def trial(ledger: Ledger, plan: Plan, run: LedgerRun, state: RunState) -> Trial:
    """Return a run as a trial; one that has succeeded keeps its value in the ledger."""
    known = json.loads(run.tags[TRIAL])
    value: float | None = None
    names: tuple[str, ...] = ()
    if VALUE in run.tags:
        value = float(run.tags[VALUE])
    elif state is RunState.SUCCEEDED and not run.is_settled:
        state = RunState.RUNNING  # its last metrics are being delivered
    elif state is RunState.SUCCEEDED:
        metrics = _metrics(ledger, run.run_id)
        value, names = metrics.get(plan.metric), tuple(sorted(metrics))
        if value is not None:
            ledger.tag(run.run_id, {VALUE: repr(float(value))})
    return Trial(run, int(known["number"]), known["values"], state, value, names)


def best_of(plan: Plan, trials: Sequence[Trial]) -> Trial | None:
    """Return the best trial, None while there is none. Not a number is never the best."""
    done = [one for one in trials if one.value is not None and one.value == one.value]
    if not done:
        return None
    choose = max if plan.maximize else min
    return choose(done, key=lambda one: one.value or 0.0)


def ending(plan: Plan, trials: Sequence[Trial], now: float) -> RunStatus | None:
    """Return how a search ended, None if there is more to do.

    Trials that a person canceled do not count.
    """
    counted = [one for one in trials if one.state is not RunState.CANCELED]
    if not all(one.state.is_final for one in counted):
        return None
    for one in counted:
        if one.state is RunState.SUCCEEDED and one.value is None:
            return RunStatus(RunState.FAILED, _unmeasured(plan, one), ended_at=now)
    best = best_of(plan, counted)
    if best is not None and len(counted) >= plan.trials:
        text = f"best of {len(counted)} trials: {best.run.title}, {plan.metric} {best.value:.6g}"
        return RunStatus(RunState.SUCCEEDED, text, ended_at=now)
    if best is None and len(counted) >= min(plan.trials, HOPELESS):
        text = f"none of the first {len(counted)} trials has a {plan.metric}"
        reason = next((one.run.status.reason for one in counted if one.run.status.reason), "")
        return RunStatus(RunState.FAILED, f"{text}: {reason}" if reason else text, ended_at=now)
    return None


def _metrics(ledger: Ledger, run_id: str) -> dict[str, float]:
    try:
        return dict(ledger.client.get_run(run_id).data.metrics)
    except Exception as error:
        raise LaunchError(f"the metrics of {run_id[:8]} can't be read now: {error}") from error


def _unmeasured(plan: Plan, one: Trial) -> str:
    names = [name for name in one.metrics if name.startswith(("best/", "val/", "test/"))]
    return (
        f"{one.run.title} succeeded and has no metric {plan.metric!r}.{did_you_mean(plan.metric, names)} "
        f"It has: {', '.join(names) or 'none'}."
    )
