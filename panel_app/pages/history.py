"""History: all runs of the ledger in a table, with search."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import panel as pn
import panel_material_ui as pmui

from cvcore.errors import LakesightError
from launch.base import RunState
from panel_app.context import Context
from panel_app.pages.base import chip, heading, notice
from panel_app.router import query
from panel_app.rows import Row, duration, matching
from panel_app.safe import safe

_COLUMNS = (
    "State",
    "Run",
    "Task",
    "Model",
    "Result",
    "User",
    "Where",
    "Submitted",
    "Duration",
)
_EMPTY = (
    "Train on the built-in digits in about three minutes with `lakesight demo`, or submit a run with "
    "`lakesight submit task=detection`. It shows up here by itself."
)


class HistoryPage:
    """All runs, newest first."""

    heading = "History"
    period_ms = 2_000

    def __init__(self, context: Context) -> None:
        """Build it, still empty."""
        self.context = context
        self.services = context.services
        self._rows: Sequence[Row] = []
        self._shown: list[tuple[str, ...]] | None = None
        self.summary = pn.pane.HTML("reading the runs ...", margin=(0, 0, 12, 10))
        self.search = pmui.TextInput(
            label="Search",
            placeholder="title, task, model, user, state ...",
            width=360,
            margin=(0, 0, 10, 10),
        )
        self.search.param.watch(self._searched, "value_input")
        self.table = pn.widgets.Tabulator(
            _frame([]),
            show_index=False,
            disabled=True,
            selectable=False,
            pagination="local",
            page_size=25,
            sizing_mode="stretch_width",
            layout="fit_columns",
            widths={
                "State": 112,
                "Run": 190,
                "Task": 145,
                "Where": 80,
                "Submitted": 138,
                "Duration": 100,
            },
            stylesheets=[":host .tabulator, :host .tabulator-cell { font-size: 13px }"],
            formatters={"State": {"type": "html"}, "Run": {"type": "html"}},
            header_align={"Result": "right", "Duration": "right"},
            text_align={"Result": "right", "Duration": "right"},
            visible=False,
        )
        self.words = pmui.Column(sizing_mode="stretch_width")
        self.view = pmui.Column(
            heading("History"),
            self.summary,
            self.search,
            self.words,
            self.table,
            sizing_mode="stretch_width",
        )

    async def open(self, values: Mapping[str, str]) -> None:
        """Show the runs that match the words of the address."""
        words = values.get("q", "")
        if words or not self._rows:
            self.search.param.update(value=words, value_input=words)
        await self.refresh()

    def close(self) -> None:
        """Nothing is held."""

    async def refresh(self) -> None:
        """Read the runs again and show what changed."""
        try:
            self._rows = await asyncio.to_thread(self.services.rows)
        except LakesightError as error:
            self.words.objects = [notice("The runs can't be read", str(error), "error")]
            return
        self._show()

    def _searched(self, event: Any) -> None:
        self.context.keep("history", q=event.new)
        self._show()

    def _show(self) -> None:
        words = self.search.value_input or self.search.value or ""
        rows = matching(self._rows, words)
        running = sum(one.state is RunState.RUNNING for one in self._rows)
        with pn.io.hold():
            self.summary.object = f"{len(self._rows):,} runs, {running} running" + (
                f"; {len(rows):,} match" if words.strip() else ""
            )
            self.summary.visible = bool(self._rows)
            self.search.visible = bool(self._rows)
            self.table.visible = bool(rows)
            if not self._rows:
                self.words.objects = [notice("No run yet", _EMPTY)]
            elif not rows:
                text = "Search for fewer words; each must be in one of the columns."
                self.words.objects = [notice(f"No run matches {words!r}", text)]
            else:
                self.words.objects = []
            cells = [_cells(one) for one in rows]
            if cells != self._shown:
                self._shown = cells
                self.table.value = _frame(cells)


def _frame(cells: Sequence[tuple[str, ...]]) -> pd.DataFrame:
    return pd.DataFrame(list(cells), columns=list(_COLUMNS))


def _cells(one: Row) -> tuple[str, ...]:
    href = query(page="run", run=one.run_id)
    link = f'<a href="{safe(href)}" style="color:inherit;font-weight:600">{safe(one.title)}</a>'
    value = "" if one.value is None else f"{one.metric} {one.value:.3f}"
    # A duration that runs is shown in whole minutes, so that the table is not sent each second.
    whole = one.duration_s if one.state.is_final else one.duration_s // 60 * 60
    return (
        chip(one.state),
        link,
        one.task.replace("_", " "),
        one.model.rpartition("/")[2],
        value,
        one.user,
        one.launcher or "direct",
        time.strftime("%d %b %Y %H:%M", time.localtime(one.submitted_at)),
        duration(whole) if one.state.is_final or whole else "< 1 min",
    )
