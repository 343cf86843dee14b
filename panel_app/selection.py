"""Which runs of the ledger are meant, in which order and groups, and what they come to. Pure."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from launch.base import RunState
from panel_app.rows import Row, matching

GROUPINGS = ("experiment", "user", "task", "model", "sweep", "state")
SORTS = ("submitted", "title", "state", "task", "model", "result", "user", "where", "duration")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class Selection:
    """What somebody wants to see of the runs; "" means any.

    Attributes:
        q: words; each must be in one of the columns.
        state: of the run.
        task: of the run.
        user: who submitted it.
        experiment: of MLflow.
        where: launcher.
        group: of `GROUPINGS`.
        sort: of `SORTS`, with "-" before it the other way round; "": newest first.
    """

    q: str = ""
    state: str = ""
    task: str = ""
    user: str = ""
    experiment: str = ""
    where: str = ""
    group: str = ""
    sort: str = ""

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Selection:
        """Return what an address means; what it can't mean is left out."""
        given = {item.name: str(values.get(item.name) or "") for item in fields(cls)}
        if given["group"] not in GROUPINGS:
            given["group"] = ""
        if given["sort"].removeprefix("-") not in SORTS:
            given["sort"] = ""
        return cls(**given)

    def values(self) -> dict[str, str]:
        """Return what the address keeps."""
        return {key: value for key, value in asdict(self).items() if value}

    def sorted_by(self, key: str) -> Selection:
        """Return it sorted by a column; by the same one again: the other way round."""
        return replace(self, sort=f"-{key}" if self.sort == key else key)


def chosen(rows: Sequence[Row], selection: Selection) -> list[Row]:
    """Return the runs that are meant, in order."""
    wanted = {
        "state": selection.state,
        "task": selection.task,
        "user": selection.user,
        "experiment": selection.experiment,
        "launcher": "" if selection.where == "direct" else selection.where,
    }
    found = [
        one
        for one in (matching(rows, selection.q) if selection.q.strip() else rows)
        if all(not value or str(getattr(one, key)) == value for key, value in wanted.items())
        and (selection.where != "direct" or not one.launcher)
    ]
    key = selection.sort.removeprefix("-")
    if key:
        found.sort(key=lambda one: _order(one, key), reverse=selection.sort.startswith("-"))
    return found


def grouped(rows: Sequence[Row], group: str) -> list[tuple[str, list[Row]]]:
    """Return (group's title, its runs) in the order of their first runs; one group "" without any."""
    if not group:
        return [("", list(rows))]
    titles = {one.run_id: one.title for one in rows if one.launcher == "sweep"}
    found: dict[str, list[Row]] = {}
    for one in rows:
        name = str(getattr(one, group)) if group != "sweep" else one.sweep
        if group == "sweep" and one.launcher == "sweep":
            name = one.run_id
        title = titles.get(name, name[:8] if group == "sweep" else name)
        found.setdefault(title or f"no {group}", []).append(one)
    return list(found.items())


@dataclass(frozen=True)
class Usage:
    """What runs came to.

    Attributes:
        num_runs: without the parents of sweeps.
        num_running: of them now.
        success_rate: of those that ended by themselves; None if there is none.
        gpu_hours: of the runs of which they are known.
        num_gpu_known: how many those are.
        cost_usd: at list prices, of the runs whose machines are known; None if there is none.
        num_cost_known: how many those are.
    """

    num_runs: int
    num_running: int
    success_rate: float | None
    gpu_hours: float
    num_gpu_known: int
    cost_usd: float | None
    num_cost_known: int


def usage(rows: Sequence[Row]) -> Usage:
    """Return what runs came to; the parents of sweeps count by their runs."""
    runs = [one for one in rows if one.launcher != "sweep"]
    ended = [
        one for one in runs if one.state in (RunState.SUCCEEDED, RunState.FAILED, RunState.LOST)
    ]
    good = sum(one.state is RunState.SUCCEEDED for one in ended)
    hours = [one.gpu_hours for one in runs if one.gpu_hours is not None]
    costs = [one.cost_usd for one in runs if one.cost_usd is not None]
    return Usage(
        len(runs),
        sum(one.state is RunState.RUNNING for one in runs),
        good / len(ended) if ended else None,
        sum(hours),
        len(hours),
        sum(costs) if costs else None,
        len(costs),
    )


def to_csv(rows: Sequence[Row]) -> str:
    """Return the runs as CSV, times in ISO 8601 (UTC); no cell is a formula to a spreadsheet."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(
        (
            *("run_id", "title", "state", "reason", "task", "model", "metric", "value", "user"),
            *("experiment", "where", "submitted_at", "duration_s", "ran_s", "step"),
            *("num_gpus", "gpu_hours", "cost_usd", "sweep", "tags"),
        )
    )
    for one in rows:
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(one.submitted_at))
        tags = " ".join(f"{key}={value}" if value else key for key, value in one.tags.items())
        texts = (one.run_id, one.title, one.state, one.reason, one.task, one.model, one.metric)
        writer.writerow(
            (
                *map(_inert, texts),
                _number(one.value),
                _inert(one.user),
                _inert(one.experiment),
                one.launcher or "direct",
                at,
                f"{one.duration_s:.0f}",
                _number(one.ran_s, 0),
                one.step,
                "" if one.num_gpus is None else one.num_gpus,
                _number(one.gpu_hours, 4),
                _number(one.cost_usd, 2),
                one.sweep,
                _inert(tags),
            )
        )
    return out.getvalue()


def parsed_tags(text: str) -> dict[str, str]:
    """Return tags as a person writes them.

    Example:
        >>> parsed_tags("baseline, team=vision")
        {'baseline': '', 'team': 'vision'}
    """
    pairs = (part.strip().partition("=") for part in text.split(",") if part.strip())
    return {key.strip(): value.strip() for key, _, value in pairs if key.strip()}


def _order(one: Row, key: str) -> Any:
    if key == "submitted":
        return -one.submitted_at
    if key == "duration":
        return one.duration_s
    if key == "result":
        # Runs without a result come last, whatever they are compared with.
        return (one.value is None, one.metric, -(one.value or 0.0))
    return str({"where": one.launcher}.get(key, getattr(one, key, ""))).lower()


def _number(value: float | None, digits: int = 6) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _inert(text: object) -> str:
    word = str(text)
    return f"'{word}" if word.startswith(_FORMULA) else word
