"""Train: what runs and waits now, with progress, and what ran last."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import panel as pn
import panel_material_ui as pmui

from cvcore.config.overrides import assign
from cvcore.errors import LakesightError
from launch.base import RunState
from launch.submit import Submitter
from panel_app import deeds
from panel_app.background.feed import Feed
from panel_app.background.hub import Watching
from panel_app.context import Context
from panel_app.pages.base import chip, heading, notice
from panel_app.router import query
from panel_app.rows import Row
from panel_app.safe import safe
from panel_app.selection import Selection
from panel_app.views import progress
from panel_app.views.runs_table import RunsTable
from panel_app.views.sparkline import sparkline

_ACTIVE = (RunState.RUNNING, RunState.QUEUED, RunState.PENDING)
_MOST_WATCHED = 12
"""Runs whose curves are read for this page; further ones are shown without."""
_RECENT = 10
_ROWS_EVERY = 4
LINK = "color:var(--panel-primary-color);font-size:13px"
_DEMO = ("task=detection", "run.title=digits-demo")


class TrainPage:
    """Runs that are under way first, then those that ended last."""

    heading = "Train"
    period_ms = 500

    def __init__(self, context: Context) -> None:
        """Build it, still empty."""
        self.context = context
        self.services = context.services
        self._watching: dict[str, Watching] = {}
        self._cards: dict[str, Any] = {}
        self._rows: Sequence[Row] | None = None
        self._ticks = 0
        new = pmui.Button(label="New run", icon="add", variant="contained", margin=(10, 10))
        new.on_click(lambda _: self.context.go("configure"))
        self.words = pn.Column(sizing_mode="stretch_width")
        self.title = pn.pane.HTML("", margin=(6, 10))
        self.active = pn.FlexBox(sizing_mode="stretch_width", gap="14px", margin=(6, 10))
        self.recent = pn.pane.HTML("", margin=(16, 10, 4, 10))
        self.table = RunsTable(
            lambda _: None,
            selectable=False,
            caption="Recent runs",
            sizing_mode="stretch_width",
            margin=(4, 10),
            visible=False,
        )
        # Its order is that of time; the whole table is on the page History.
        self.table.columns = [{**one, "sort": ""} for one in self.table.columns]
        self.demo: Any = pmui.Button(
            label="Train on the built-in digits", icon="rocket_launch", margin=(6, 10)
        )
        self.demo.on_click(self._start_demo)
        self.view = pn.Column(
            pmui.Row(heading("Train"), pn.Spacer(sizing_mode="stretch_width"), new),
            self.words,
            self.title,
            self.active,
            self.recent,
            self.table,
            sizing_mode="stretch_width",
        )

    async def open(self, values: Mapping[str, str]) -> None:  # noqa: ARG002 (it has one state)
        """Show the runs: at once what was read last, then what is new."""
        self._ticks = 0
        known = self.services.rows_now()
        if known is not None:
            self._show(known)
        await self.refresh()

    async def refresh(self) -> None:
        """Show how the runs under way go on; now and then read which there are."""
        if self._ticks % _ROWS_EVERY == 0:
            await self._read()
        self._ticks += 1
        self._progress()

    def leave(self) -> None:
        """Let go of the pollers while another page is shown."""
        for one in self._watching.values():
            one.close()
        self._watching.clear()

    def close(self) -> None:
        """Let go of the pollers."""
        self.leave()

    async def _read(self) -> None:
        try:
            rows = await asyncio.to_thread(self.services.rows)
        except LakesightError as error:
            self.words.objects = [notice("The runs can't be read", str(error), "error")]
            return
        if self.words.objects and rows:
            self.words.objects = []
        if rows is not self._rows or not self._watching:
            self._show(rows)

    def _show(self, rows: Sequence[Row]) -> None:
        self._rows = rows
        active = [one for one in rows if one.state in _ACTIVE and one.launcher != "sweep"]
        # What runs first, then in the order in which they came.
        active.sort(key=lambda one: (_ACTIVE.index(one.state), one.submitted_at))
        ended = [one for one in rows if one.state not in _ACTIVE][:_RECENT]
        self._watch([one.run_id for one in active[:_MOST_WATCHED]])
        with pn.io.hold():
            running = sum(one.state is RunState.RUNNING for one in active)
            waiting = len(active) - running
            text = f"{running} running" + (f", {waiting} waiting" if waiting else "")
            self.title.object = _title(text if active else "Nothing runs now")
            self.title.visible = bool(rows)
            for one in active:
                if one.run_id not in self._cards:
                    self._cards[one.run_id] = _pane()
            ids = [one.run_id for one in active]
            shown = [self._cards[run_id] for run_id in ids]
            if shown != list(self.active.objects):
                self.active.objects = shown
            self._cards = {run_id: self._cards[run_id] for run_id in ids}
            self.recent.object = (
                f'{_title("Recent runs")}<a href="?page=history" style="{LINK}">All runs</a>'
            )
            self.recent.visible = self.table.visible = bool(ended)
            self.table.fill(ended, Selection(), 1)
            if not rows:
                self.words.objects = [
                    notice(
                        "No run yet",
                        "Compose one for your own pictures, or try it first: a detector on the digits that "
                        "come with Lakesight, about three minutes on two cores.",
                    ),
                    pmui.Row(self._configure(), self.demo),
                ]
        self._progress()

    def _watch(self, ids: Sequence[str]) -> None:
        for run_id in [one for one in self._watching if one not in ids]:
            self._watching.pop(run_id).close()
        for run_id in ids:
            if run_id not in self._watching:
                keys = (progress.KEY,)
                self._watching[run_id] = self.services.hub.watch(run_id, keys)

    def _progress(self) -> None:
        rows = {one.run_id: one for one in self._rows or ()}
        for run_id, pane in self._cards.items():
            watching = self._watching.get(run_id)
            feed = watching.feed if watching is not None else None
            row = feed.details.row if feed is not None and feed.details else rows[run_id]
            html = _card(row, feed)
            if pane.object != html:
                pane.object = html

    def _configure(self) -> Any:
        button = pmui.Button(
            label="Configure a run", icon="tune", variant="contained", margin=(6, 10)
        )
        button.on_click(lambda _: self.context.go("configure"))
        return button

    async def _start_demo(self, _: Any) -> None:
        self.demo.disabled = True
        words = [*_DEMO, assign("tracking.uri", self.services.ledger.uri)]
        try:
            done = await deeds.do(Submitter(user=self.context.user).submit, words)
        except LakesightError as error:
            self.context.tell(str(error), "error")
            return
        finally:
            self.demo.disabled = False
        self.services.renew_rows()
        self.context.go("run", run=done.handle.run_id)


def _pane() -> Any:
    return pn.pane.HTML(
        "",
        styles={
            "border": "1px solid color-mix(in srgb, currentColor 16%, transparent)",
            "background": "var(--panel-surface-color)",
            "border-radius": "10px",
            "padding": "14px 16px",
            "flex": "1 1 430px",
            "max-width": "720px",
        },
        margin=0,
    )


def _card(one: Row, feed: Feed | None) -> str:
    href = query(page="run", run=one.run_id)
    about = " &middot; ".join(
        safe(text)
        for text in (
            one.task.replace("_", " "),
            one.model.rpartition("/")[2],
            one.user,
            one.launcher,
        )
        if text
    )
    curve = feed.curves.get(progress.KEY) if feed is not None else None
    drawn = sparkline(curve, "Loss")
    newest = f"loss <b>{curve.values[-1]:.4g}</b>" if curve is not None and len(curve) else ""
    return (
        '<div style="display:flex;justify-content:space-between;gap:16px;align-items:flex-start">'
        f'<div style="min-width:0"><a href="{safe(href)}" style="color:inherit;font-weight:650;'
        f'font-size:15px;overflow-wrap:anywhere">{safe(one.title)}</a>'
        f'<div style="font-size:12.5px;opacity:.78;margin:3px 0 8px">{about}</div>{chip(one.state)}</div>'
        f'<div style="text-align:right;font-size:12.5px;flex:none">{drawn}<div>{newest}</div></div></div>'
        f'<div style="margin-top:10px">{progress.bar(one, feed)}</div>'
    )


def _title(text: str) -> str:
    return f'<h2 style="font-size:17px;font-weight:650;margin:0 0 2px">{safe(text)}</h2>'
