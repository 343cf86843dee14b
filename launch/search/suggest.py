"""Asks Optuna what to try next. Optuna is an optional package, imported here only."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from launch.base import RunState
from launch.errors import LaunchError
from launch.search.plan import Plan
from launch.search.space import Choice, Dimension, Space, Value
from launch.search.trials import Trial

_RANDOM_FIRST = 8
"""So many trials are random before a model of the results chooses; a quarter of a small search."""


def suggest(plan: Plan, space: Space, trials: Sequence[Trial]) -> dict[str, Value]:
    """Return the values of the next trial, by key.

    The same trials with the same results give the same answer: the study is made anew from them,
    and nothing has to be kept between two calls.

    Raises:
        LaunchError: Optuna is not installed.
    """
    optuna = require_optuna()
    first = max(min(_RANDOM_FIRST, plan.trials // 4), 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        # Each call draws once, so each has a seed of its own. Trials that still run count as bad,
        # so that two at once are not the same.
        sampler = optuna.samplers.TPESampler(
            seed=plan.seed + len(trials), n_startup_trials=first, constant_liar=True
        )
    study = optuna.create_study(
        direction="maximize" if plan.maximize else "minimize", sampler=sampler
    )
    ranges = {one.key: _distribution(optuna, one) for one in space.varied}
    for one in trials:
        if set(one.values) == set(ranges):
            study.add_trial(_known(optuna, one, ranges))
    params = study.ask(ranges).params
    return {one.key: _short(params[one.key], one) for one in space.varied}


def require_optuna() -> Any:
    """Return the package.

    Raises:
        LaunchError: it is not installed.
    """
    try:
        import optuna
    except ImportError as error:
        raise LaunchError(
            "a search needs Optuna, which is not installed: pip install 'lakesight[search]'. A sweep "
            "over written-out values does without: lakesight submit -m ..."
        ) from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def _short(value: Value, one: Dimension) -> Value:
    """Return a number with as many digits as a person would write, still inside its range."""
    if isinstance(one, Choice) or not isinstance(value, float):
        return value
    return min(max(float(f"{value:.4g}"), one.low), one.high)


def _distribution(optuna: Any, one: Dimension) -> Any:
    made = optuna.distributions
    if isinstance(one, Choice):
        return made.CategoricalDistribution(one.values)
    if one.is_int:
        return made.IntDistribution(int(one.low), int(one.high), log=one.log, step=one.step or 1)
    return made.FloatDistribution(one.low, one.high, log=one.log)


def _known(optuna: Any, one: Trial, ranges: dict[str, Any]) -> Any:
    state, value = optuna.trial.TrialState.FAIL, None
    if not one.state.is_final:
        state = optuna.trial.TrialState.RUNNING
    elif one.state is RunState.SUCCEEDED and one.value is not None and one.value == one.value:
        state, value = optuna.trial.TrialState.COMPLETE, one.value
    return optuna.trial.create_trial(
        state=state, value=value, params=dict(one.values), distributions=ranges
    )
