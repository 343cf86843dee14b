"""A run: how it is, its curves as they come, what it writes, sees, and was started with."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import panel as pn
import panel_material_ui as pmui

from launch.base import RunState
from launch.tags import FOLDER
from panel_app.background.hub import Watching
from panel_app.context import Context
from panel_app.pages.base import chip, notice
from panel_app.pages.run_sections import SECTIONS, Section, put
from panel_app.rows import Details, duration
from panel_app.safe import safe
from panel_app.views import progress
from panel_app.views.actions import Actions
from panel_app.views.board import PLAIN, Board, Subject
from panel_app.views.chart import TEXTS_S
from panel_app.views.tiles import tiles

_CURVES = "curves"
_FILES_S = 5.0


class RunPage:
    """One run, by its id."""

    period_ms = 400

    def __init__(self, context: Context) -> None:
        """Build it, still empty."""
        self.context = context
        self.services = context.services
        self.run_id = ""
        self.heading = "Run"
        self._is_restoring = False
        self._watching: Watching | None = None
        self._subject: Subject | None = None
        self._blocks: list[tuple[str, str, str]] = []
        self._seen = -1
        self._state: RunState | None = None
        self._shown_at = float("-inf")
        self._owes = False
        self._files_at = 0.0
        self._files: asyncio.Task[None] | None = None
        self.top = pn.pane.HTML("", sizing_mode="stretch_width", margin=(6, 10))
        self.words = pn.Column(sizing_mode="stretch_width")
        self.bar = pn.pane.HTML("", sizing_mode="stretch_width", margin=(4, 10, 10, 10))
        self.actions = Actions(context, self._acted)
        self.tiles = pn.pane.HTML("", sizing_mode="stretch_width", margin=(10, 10))
        self.section: Any = pmui.RadioButtonGroup(
            label="Show",
            options={name.capitalize(): name for name in (_CURVES, *SECTIONS)},
            value=_CURVES,
            margin=(8, 10),
            sx=PLAIN,
        )
        self.board = Board(self.services.reader, self._keep)
        self._sections: dict[str, Section] = {}
        self.body = pn.Column(
            self.bar,
            self.actions.view,
            self.tiles,
            self.section,
            sizing_mode="stretch_width",
            visible=False,
        )
        self.view = pn.Column(self.top, self.words, self.body, sizing_mode="stretch_width")
        self.section.param.watch(self._section_changed, "value")

    async def open(self, values: Mapping[str, str]) -> None:
        """Show the run of the address."""
        run_id = values.get("run", "")
        self._is_restoring = True
        self.board.restore(values)
        wanted = values.get("show", _CURVES)
        self.section.value = wanted if wanted in SECTIONS else _CURVES
        self._is_restoring = False
        if run_id != self.run_id:
            self._begin(run_id)
        elif self._watching is None:
            self._watch()
        # With the document's lock: figures are changed.
        pn.state.execute(self._pull, schedule=True)

    async def refresh(self) -> None:
        """Take up what the poller of the run has read; cheap when there is nothing new."""
        self._pull()
        await self._look_at_files()

    def leave(self) -> None:
        """Let go of the poller while another page is shown."""
        self._unwatch()

    def close(self) -> None:
        """Let go of the run's poller."""
        self._unwatch()
        self.board.close()
        if self._files is not None:
            self._files.cancel()

    def _begin(self, run_id: str) -> None:
        self._unwatch()
        self.run_id, self.heading = run_id, f"Run {run_id[:8]}"
        self.top.object = '<h1 style="font-size:26px;margin:4px 0">Reading the run ...</h1>'
        self.words.objects = []
        self.body.visible = False
        for one in self._sections.values():
            self.body.remove(one.view)
        self._sections.clear()
        self._files_at = 0.0
        self._subject, self._blocks, self._state = None, [], None
        self.board.show([])
        self._show_section()
        self._watch()

    def _watch(self) -> None:
        self._watching = self.services.hub.watch(self.run_id, output=True)
        self._seen = -1

    def _unwatch(self) -> None:
        if self._watching is not None:
            self._watching.close()
            self._watching = None

    def _pull(self) -> None:
        if self._watching is None:
            return
        feed = self._watching.feed
        # Read first: a change while it is shown is shown next time.
        version = feed.version
        due = time.monotonic() - self._shown_at >= TEXTS_S
        if version == self._seen and not (self._owes and due):
            self.board.tell()
            return
        self._seen = version
        with pn.io.hold():
            if feed.is_unknown:
                self.top.object = (
                    '<h1 style="font-size:26px;margin:4px 0">There is no such run</h1>'
                )
                self.words.objects = [
                    notice("Unknown run", f"{feed.fault} See all runs.", "warning")
                ]
                return
            if feed.details is None:
                if feed.fault:
                    self.words.objects = [notice("The run can't be read", feed.fault, "error")]
                return
            state = feed.details.row.state
            self._owes = state is self._state and not due
            if not self._owes:
                self._state, self._shown_at = state, time.monotonic()
                self._show(feed.details)
            if self._subject is None or self._subject.metric != feed.details.row.metric:
                self._subject = Subject(feed, metric=feed.details.row.metric)
                self.board.show([self._subject])
            elif self._section is None:
                self.board.update()
            if self._section is not None:
                self._section.send(feed)

    def _show(self, details: Details) -> None:
        assert self._watching is not None
        one, feed = details.row, self._watching.feed
        self.heading = one.title
        self.body.visible = True
        put(self.top, _top(details))
        put(self.bar, progress.bar(one, feed))
        newest = {key: float(c.values[-1]) for key, c in list(feed.curves.items()) if len(c)}
        put(self.tiles, tiles({**details.run.metrics, **newest}))
        self.actions.show(details)
        if self._section is not None:
            self._section.show(details, feed)
        told = feed.fault or feed.output.fault if self.section.value == "output" else feed.fault
        blocks = []
        if one.reason and one.state not in (RunState.QUEUED, RunState.RUNNING):
            bad = one.state in (RunState.FAILED, RunState.LOST)
            blocks.append((_title(one.state), one.reason, "error" if bad else "info"))
        if told:
            blocks.append(("Not everything can be read now", told, "warning"))
        if blocks != self._blocks:
            self._blocks = blocks
            self.words.objects = [notice(*block) for block in blocks]

    async def _look_at_files(self) -> None:
        """Look now and then for pictures and reports, when they are shown."""
        feed = None if self._watching is None else self._watching.feed
        if feed is None or feed.details is None or self._section is None:
            return
        final = feed.details.row.state.is_final
        due = self._files_at + (60 * _FILES_S if final else _FILES_S)
        if time.monotonic() < due and self._files_at:
            return
        self._files_at = time.monotonic()
        await self._section.read(feed.details.run)

    @property
    def _section(self) -> Section | None:
        """What is shown beside the curves; None: the curves."""
        return self._sections.get(self.section.value)

    def _section_changed(self, _: Any) -> None:
        self._show_section()
        self._files_at = 0.0
        self._seen, self._state = -1, None
        self._keep()
        self._pull()

    def _show_section(self) -> None:
        name = self.section.value
        if name in SECTIONS and self.run_id:
            if name not in self._sections:
                self._sections[name] = SECTIONS[name](self.services)
                self.body.append(self._sections[name].view)
            self._sections[name].looked_at(self.run_id)
        elif name == _CURVES and self.board.view not in self.body:
            self.body.append(self.board.view)
        self.board.view.visible = name == _CURVES
        for key, one in self._sections.items():
            one.view.visible = key == name

    def _keep(self) -> None:
        if self.run_id and not self._is_restoring:
            shown = "" if self.section.value == _CURVES else self.section.value
            self.context.keep("run", run=self.run_id, show=shown, **self.board.state)

    def _acted(self) -> None:
        self._seen, self._state = -1, None


def _title(state: RunState) -> str:
    return {
        RunState.FAILED: "The run failed",
        RunState.LOST: "The run is lost",
        RunState.CANCELED: "The run was canceled",
    }.get(state, str(state))


def _top(details: Details) -> str:
    one = details.row
    value = "" if one.value is None else f"{one.metric} {one.value:.4f}"
    facts = {
        "result": value,
        "task": one.task.replace("_", " "),
        "model": one.model.rpartition("/")[2],
        "user": one.user,
        "experiment": one.experiment,
        "where": one.launcher,
        "submitted": time.strftime("%d %b %Y %H:%M", time.localtime(one.submitted_at)),
        "duration": duration(one.duration_s),
        "attempt": str(details.status.attempt) if details.status.attempt > 1 else "",
        "tags": ", ".join(f"{k}={v}" if v else k for k, v in one.tags.items()),
        "id": one.run_id[:8],
        "folder": details.run.tags.get(FOLDER, ""),
    }
    listed = "".join(
        f'<div><dt style="opacity:.74;font-size:12px">{key}</dt>'
        f'<dd style="margin:0;overflow-wrap:anywhere;font-size:13.5px">{safe(text)}</dd></div>'
        for key, text in facts.items()
        if text
    )
    return (
        '<nav style="font-size:13px"><a href="?page=history" style="color:var(--panel-primary-color)">'
        "All runs</a></nav>"
        '<div style="display:flex;flex-wrap:wrap;align-items:center;gap:6px 14px;margin:4px 0 0">'
        f'<h1 style="font-size:26px;font-weight:650;margin:0;overflow-wrap:anywhere">{safe(one.title)}</h1>'
        f"{chip(one.state)}</div>"
        '<dl style="display:flex;flex-wrap:wrap;gap:10px 30px;margin:12px 0 0">'
        f"{listed}</dl>"
    )
