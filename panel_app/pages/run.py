"""A run: how it is, its curves as they come, and what it was started with."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import panel as pn
import panel_material_ui as pmui

from cvcore.errors import LakesightError
from cvcore.metrics.record import MetricPoint
from cvcore.metrics.stream import Cursor
from launch.errors import UnknownRun
from launch.ledger import FOLDER
from panel_app.context import Context
from panel_app.pages.base import chip, heading, notice
from panel_app.pages.curves import Curves
from panel_app.rows import duration
from panel_app.safe import safe
from panel_app.services import Details


class RunPage:
    """One run, by its id."""

    period_ms = 2_000

    def __init__(self, context: Context) -> None:
        """Build it, still empty."""
        self.services = context.services
        self.run_id = ""
        self.heading = "Run"
        self.view = pmui.Column(sizing_mode="stretch_width")

    async def open(self, values: Mapping[str, str]) -> None:
        """Show the run of the address."""
        if values.get("run", "") != self.run_id or not self.run_id:
            self._begin(values.get("run", ""))
        await self.refresh()

    def close(self) -> None:
        """Nothing is held."""

    def _begin(self, run_id: str) -> None:
        self.run_id = run_id
        self.heading = f"Run {run_id[:8]}"
        self._cursor: Cursor | None = None
        self._done = False
        self._facts: tuple[tuple[str, str], ...] = ()
        self.top = pmui.Column(heading("Reading the run ..."), sizing_mode="stretch_width")
        self.words = pmui.Column(sizing_mode="stretch_width")
        self.curves = Curves()
        self.params = pmui.Column(sizing_mode="stretch_width")
        self.view.objects = [
            pn.pane.HTML(
                '<a href="?page=history" style="color:inherit">All runs</a>', margin=(0, 10)
            ),
            self.top,
            self.words,
            self.curves.view,
            self.params,
        ]

    async def refresh(self) -> None:
        """Read the run and its new points; a run that has ended is read once more, then never."""
        if self._done:
            return
        try:
            details = await asyncio.to_thread(self.services.details, self.run_id)
            points, self._cursor = await asyncio.to_thread(self._points)
        except UnknownRun as error:
            self._done = True
            self.top.objects = [heading("There is no such run")]
            self.words.objects = [notice("Unknown run", f"{error} See all runs.", "warning")]
            return
        except LakesightError as error:
            self.words.objects = [notice("The run can't be read", str(error), "error")]
            return
        self._done = details.row.state.is_final
        with pn.io.hold():
            self._show(details)
            self.curves.add(points)

    def _points(self) -> tuple[list[MetricPoint], Cursor]:
        return self.services.points(self.run_id, self._cursor)

    def _show(self, details: Details) -> None:
        one = details.row
        value = "" if one.value is None else f"{one.metric} {one.value:.4f}"
        facts = {
            "task": one.task.replace("_", " "),
            "model": one.model,
            "result": value,
            "user": one.user,
            "experiment": one.experiment,
            "where": one.launcher,
            "submitted": time.strftime("%d %b %Y %H:%M:%S", time.localtime(one.submitted_at)),
            "duration": duration(one.duration_s),
            "folder": details.run.tags.get(FOLDER, ""),
            "id": one.run_id,
        }
        told = (("state", one.state), ("reason", one.reason), *facts.items())
        if told == self._facts:
            return
        self._facts = told
        self.heading = one.title
        listed = "".join(
            f'<div><dt style="opacity:.75;font-size:12px">{key}</dt>'
            f'<dd style="margin:0;overflow-wrap:anywhere">{safe(text)}</dd></div>'
            for key, text in facts.items()
            if text
        )
        self.top.objects = [
            heading(one.title),
            pn.pane.HTML(
                f'{chip(one.state)}<dl style="display:grid;gap:12px 28px;margin:16px 0 4px;'
                f'grid-template-columns:repeat(auto-fill,minmax(170px,1fr))">{listed}</dl>',
                sizing_mode="stretch_width",
                margin=(0, 10),
            ),
        ]
        self.words.objects = (
            [notice(f"{one.state}", one.reason, "error" if one.state == "FAILED" else "info")]
            if one.reason
            else []
        )
        if details.run.params and not self.params.objects:
            self.params.objects = [_settings(dict(details.run.params))]


def _settings(params: dict[str, str]) -> Any:
    lines = "".join(
        f'<tr><th scope="row" style="text-align:left;font-weight:400;padding:2px 24px 2px 0">{safe(key)}'
        f'</th><td style="overflow-wrap:anywhere">{safe(value)}</td></tr>'
        for key, value in sorted(params.items())
    )
    table = pn.pane.HTML(
        f'<table style="font-family:monospace;font-size:13px">{lines}</table>',
        sizing_mode="stretch_width",
    )
    return pmui.Accordion(("Configuration", table), sizing_mode="stretch_width", margin=(12, 0))
