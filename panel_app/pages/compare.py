"""Several runs over each other: curves, figures, and where their parameters differ."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any

import panel as pn
import panel_material_ui as pmui

from panel_app.background.hub import Watching
from panel_app.context import Context
from panel_app.pages.base import chip, heading, notice
from panel_app.router import query
from panel_app.rows import Details
from panel_app.safe import safe
from panel_app.views.board import Board, Subject
from panel_app.views.chart import PALETTE, TEXTS_S
from panel_app.views.params import varying
from panel_app.views.results import side_by_side
from panel_app.views.table import table

MOST = len(PALETTE)
"""Runs over each other: each has a colour of its own."""


class ComparePage:
    """Runs by their ids."""

    heading = "Compare"
    period_ms = 450

    def __init__(self, context: Context) -> None:
        """Build it, still empty."""
        self.context = context
        self.services = context.services
        self.ids: tuple[str, ...] = ()
        self._is_restoring = False
        self._watching: list[Watching] = []
        self._seen: tuple[int, ...] = ()
        self._shown: tuple[Any, ...] = ()
        self._told_at = float("-inf")
        self._owes = False
        self.words = pn.Column(sizing_mode="stretch_width")
        self.legend = pn.pane.HTML("", sizing_mode="stretch_width", margin=(4, 10, 10, 10))
        self.board = Board(self.services.reader, self._keep)
        self.figures = pn.pane.HTML("", sizing_mode="stretch_width", margin=(4, 10))
        self.params = pn.pane.HTML("", sizing_mode="stretch_width", margin=(4, 10))
        self.view = pn.Column(
            pn.pane.HTML(
                '<a href="?page=history" style="color:var(--panel-primary-color)">All runs</a>',
                margin=(6, 10, 0, 10),
            ),
            heading("Compare"),
            self.words,
            self.legend,
            self.board.view,
            self.figures,
            self.params,
            sizing_mode="stretch_width",
        )

    async def open(self, values: Mapping[str, str]) -> None:
        """Show the runs of the address."""
        ids = tuple(dict.fromkeys(word for word in values.get("runs", "").split(",") if word))
        self._is_restoring = True
        self.board.restore(values)
        self._is_restoring = False
        self.words.objects = self._hints(ids)
        if ids[:MOST] != self.ids:
            self.leave()
            self.ids, self._shown = ids[:MOST], ()
            self.legend.object = self.figures.object = self.params.object = ""
            self.board.show([])
        if not self._watching:
            self._watching = [self.services.hub.watch(run_id) for run_id in self.ids]
        self._seen, self._told_at = (), float("-inf")
        # With the document's lock: figures are changed.
        pn.state.execute(self._pull, schedule=True)

    async def refresh(self) -> None:
        """Take up what the pollers have read; cheap when there is nothing new."""
        self._pull()
        await asyncio.sleep(0)

    def leave(self) -> None:
        """Let go of the pollers while another page is shown."""
        for one in self._watching:
            one.close()
        self._watching = []

    def close(self) -> None:
        """Let go of the pollers."""
        self.leave()
        self.board.close()

    def _hints(self, ids: Sequence[str]) -> list[Any]:
        if len(ids) > MOST:
            return [
                notice(f"{len(ids)} runs are too many", f"The first {MOST} are shown.", "warning")
            ]
        if ids:
            return []
        button = pmui.Button(label="Choose runs", icon="history", margin=(6, 10))
        button.on_click(lambda _: self.context.go("history"))
        return [
            notice("No runs are chosen", "Mark two or more under History, then Compare."),
            button,
        ]

    def _pull(self) -> None:
        feeds = [one.feed for one in self._watching]
        versions = tuple(feed.version for feed in feeds)
        due = time.monotonic() - self._told_at >= TEXTS_S
        if not feeds or (versions == self._seen and not (self._owes and due)):
            self.board.tell()
            return
        self._seen = versions
        known = [(feed, feed.details) for feed in feeds if feed.details is not None]
        with pn.io.hold():
            shown = tuple((feed.run_id, details.row.metric) for feed, details in known)
            if shown != self._shown:
                self._shown = shown
                self.board.show(
                    [
                        Subject(
                            feed, details.row.title, self._colour(feed.run_id), details.row.metric
                        )
                        for feed, details in known
                    ]
                )
            else:
                self.board.update()
            told = [feed.fault for feed in feeds if feed.fault]
            if told and not self.words.objects:
                self.words.objects = [notice("Not every run can be read", told[0], "warning")]
            self._owes = not due
            if due:
                self._told_at = time.monotonic()
                self._tables([details for _, details in known])

    def _tables(self, known: Sequence[Details]) -> None:
        _set(self.legend, self._legend(known))
        titles = _titles(known)
        runs = [one.run for one in known]
        metrics = side_by_side(
            [run.metrics for run in runs], titles, known[0].row.metric if known else ""
        )
        _set(
            self.figures, _section("Figures", metrics or "Figures come with the first evaluation.")
        )
        rows = varying([run.params for run in runs]) if len(runs) > 1 else []
        text = (
            table(("parameter", *titles), rows, caption="Parameters that differ", mono=True)
            if rows
            else "There is no difference."
        )
        _set(self.params, _section("Parameters that differ", text))

    def _legend(self, known: Sequence[Details]) -> str:
        items = [
            '<span style="display:inline-flex;align-items:center;gap:8px">'
            f'<span style="width:18px;height:4px;background:{self._colour(one.run.run_id)}">'
            f'</span><a href="{safe(query(page="run", run=one.run.run_id))}" style="color:inherit;'
            f'font-weight:600;font-size:13.5px">{safe(one.row.title)}</a>{chip(one.row.state)}</span>'
            for one in known
        ]
        return f'<div style="display:flex;flex-wrap:wrap;gap:10px 28px">{"".join(items)}</div>'

    def _colour(self, run_id: str) -> str:
        return PALETTE[self.ids.index(run_id)]

    def _keep(self) -> None:
        if self.ids and not self._is_restoring:
            self.context.keep("compare", runs=",".join(self.ids), **self.board.state)


def _titles(known: Sequence[Details]) -> list[str]:
    titles = [one.row.title for one in known]
    return [
        title if titles.count(title) == 1 else f"{title} ({one.run.run_id[:8]})"
        for title, one in zip(titles, known, strict=True)
    ]


def _section(title: str, body: str) -> str:
    return f'<h2 style="font-size:17px;font-weight:650;margin:14px 0 6px">{safe(title)}</h2>{body}'


def _set(pane: Any, text: str) -> None:
    if pane.object != text:
        pane.object = text
