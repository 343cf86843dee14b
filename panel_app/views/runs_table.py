"""The table of runs: a page of it at a time, so that a thousand runs cost what fifty do."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import panel as pn
import param

from panel_app.router import query
from panel_app.rows import Row, duration
from panel_app.selection import Selection, grouped
from panel_app.views.script import script

PAGE = 50
_COLUMNS = (
    ("state", "State", "state", ""),
    ("title", "Run", "title", ""),
    ("task", "Task", "task", ""),
    ("model", "Model", "model", ""),
    ("result", "Result", "result", "right"),
    ("user", "User", "user", ""),
    ("where", "Where", "where", ""),
    ("submitted", "Submitted", "submitted", ""),
    ("duration", "Duration", "duration", "right"),
)
COLUMNS = [{"key": k, "label": lb, "sort": s, "align": a} for k, lb, s, a in _COLUMNS]


class RunsTable(pn.custom.JSComponent):
    """A page of runs in the browser; what is clicked is told to `asked`."""

    rows = param.List(default=[], doc="What is on this page: runs, and the headings of groups.")
    columns = param.List(default=COLUMNS, doc="Key, label, sort and alignment of each column.")
    sort = param.String(default="", doc="Column it is sorted by, with - before it downwards.")
    selected = param.List(default=[], doc="Ids of the chosen runs.")
    selectable = param.Boolean(default=True, doc="Whether runs can be chosen.")
    page = param.Integer(default=1, doc="Of the pages, from 1.")
    pages = param.Integer(default=1, doc="How many there are.")
    caption = param.String(default="Runs", doc="What it is, for who can't see it.")

    _esm = script(Path(__file__).with_suffix(".js"))
    _stylesheets: ClassVar[list[Any]] = [Path(__file__).with_suffix(".css").read_text("utf-8")]

    def __init__(self, asked: Callable[[Mapping[str, Any]], None], **params: Any) -> None:
        """Build it, empty.

        Args:
            asked: told what was clicked: {"sort": key}, {"page": n}, {"choose": id, "on": bool} or
                {"all": bool}.
            params: further ones.
        """
        super().__init__(**params)
        self._asked = asked

    def fill(self, runs: Sequence[Row], selection: Selection, page: int) -> int:
        """Show a page of runs; return its number, the last one if there are fewer."""
        lines: list[dict[str, Any]] = []
        for title, members in grouped(runs, selection.group):
            if title:
                lines.append({"group": title, "about": _about(members)})
            lines += ({"run": one} for one in members)
        pages = max(-(-len(lines) // PAGE), 1)
        page = min(max(page, 1), pages)
        part = lines[(page - 1) * PAGE : page * PAGE]
        cells = [line if "group" in line else cell(line["run"]) for line in part]
        new = {"rows": cells, "sort": selection.sort, "page": page, "pages": pages}
        changed = {key: value for key, value in new.items() if getattr(self, key) != value}
        if changed:
            self.param.update(**changed)
        return page

    def _handle_msg(self, data: Any) -> None:
        if isinstance(data, dict):
            self._asked(data)


def cell(one: Row) -> dict[str, Any]:
    """Return what the table shows of a run."""
    # A duration that runs is shown in whole minutes, so that the table is not sent each second.
    whole = one.duration_s if one.state.is_final else one.duration_s // 60 * 60
    return {
        "id": one.run_id,
        "href": query(page="run", run=one.run_id),
        "state": str(one.state),
        "reason": one.reason,
        "title": one.title,
        "tags": [f"{key}={value}" if value else key for key, value in one.tags.items()],
        "task": one.task.replace("_", " "),
        "model": one.model.rpartition("/")[2],
        "result": "" if one.value is None else f"{one.metric} {one.value:.3f}",
        "user": one.user,
        "where": one.launcher or "direct",
        "submitted": time.strftime("%d %b %Y %H:%M", time.localtime(one.submitted_at)),
        "duration": duration(whole) if one.state.is_final or whole else "< 1 min",
    }


def _about(members: Sequence[Row]) -> str:
    count = f"{len(members)} run{'s' if len(members) != 1 else ''}"
    best: dict[str, float] = {}
    for one in members:
        if one.value is not None:
            best[one.metric] = max(one.value, best.get(one.metric, one.value))
    told = ", ".join(f"highest {metric} {value:.3f}" for metric, value in best.items())
    return f"{count}, {told}" if told else count
