"""What the table of runs shows of a run. Pure: no page, no server."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from launch.base import RunState, RunStatus
from launch.ledger import LAUNCHER, OVERRIDES, LedgerRun


@dataclass(frozen=True)
class Row:
    """A run in the table.

    Attributes:
        run_id: of MLflow.
        title: what people call it.
        state: how it is.
        reason: why, in a sentence; "" if there is nothing to say.
        task: e.g. "detection"; "" if not known yet.
        model: option of the group, or the checkpoint.
        metric: name of the metric that counts.
        value: its newest value, or None.
        user: who submitted it.
        experiment: of MLflow.
        launcher: where it runs.
        submitted_at: seconds since 1970 (UTC).
        duration_s: until now, or its end.
    """

    run_id: str
    title: str
    state: RunState
    reason: str
    task: str
    model: str
    metric: str
    value: float | None
    user: str
    experiment: str
    launcher: str
    submitted_at: float
    duration_s: float


def row(run: LedgerRun, status: RunStatus, now_s: float) -> Row:
    """Return a run's row."""
    chosen = _overrides(run)
    params = run.params
    metric = params.get("task.metric", "")
    key = next(
        (k for k in (f"best/{metric}", f"test/{metric}", f"val/{metric}") if k in run.metrics), ""
    )
    model = chosen.get("model") or params.get("model.checkpoint", "").replace("None", "")
    ended = status.ended_at if status.state.is_final else None
    return Row(
        run_id=run.run_id,
        title=run.title or run.run_id[:8],
        state=status.state,
        reason=status.reason,
        task=params.get("task.kind") or chosen.get("task", ""),
        model=model or params.get("model.model_type", "").replace("None", ""),
        metric=metric,
        value=run.metrics.get(key) if key else None,
        user=run.user,
        experiment=run.experiment,
        launcher="sweep" if run.is_sweep else run.tags.get(LAUNCHER, ""),
        submitted_at=run.submitted_at,
        duration_s=max(0.0, (ended or now_s) - run.submitted_at),
    )


def matching(rows: Sequence[Row], words: str) -> list[Row]:
    """Return the rows that contain every word, in whatever column and case.

    Example:
        >>> matching([], "detection failed")
        []
    """
    wanted = words.lower().split()
    return [one for one in rows if all(word in _text(one) for word in wanted)]


def duration(seconds: float) -> str:
    """Return a duration as people say it.

    Example:
        >>> duration(42), duration(150), duration(7_500), duration(180_000)
        ('42 s', '2 min 30 s', '2 h 5 min', '2 d 2 h')
    """
    whole = round(seconds)
    minutes, s = divmod(whole, 60)
    hours, m = divmod(minutes, 60)
    days, h = divmod(hours, 24)
    for big, small, unit, lower in (
        (days, h, "d", "h"),
        (hours, m, "h", "min"),
        (minutes, s, "min", "s"),
    ):
        if big:
            return f"{big} {unit} {small} {lower}" if small else f"{big} {unit}"
    return f"{s} s"


def _text(one: Row) -> str:
    values = (one.title, one.run_id, one.state, one.task, one.model, one.user, one.experiment)
    return " ".join((*values, one.launcher, one.reason)).lower()


def _overrides(run: LedgerRun) -> dict[str, str]:
    try:
        words = json.loads(run.tags.get(OVERRIDES, "[]"))
    except ValueError:
        # A tag longer than MLflow keeps is cut.
        return {}
    pairs = (str(word).partition("=") for word in words)
    return {key: value for key, _, value in pairs}
