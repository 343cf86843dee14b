"""A run: how it is, its curves as they come, what it writes, sees, and was started with."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import panel as pn
import panel_material_ui as pmui

from cvcore.errors import LakesightError
from launch.base import RunState
from launch.evaluation.submit import SOURCE
from launch.tags import FOLDER
from panel_app.artifacts import Frame
from panel_app.background.hub import Watching
from panel_app.context import Context
from panel_app.pages.base import chip, notice
from panel_app.router import query
from panel_app.rows import Details, duration
from panel_app.safe import safe
from panel_app.views import progress
from panel_app.views.actions import Actions
from panel_app.views.board import PLAIN, Board, Subject
from panel_app.views.chart import TEXTS_S
from panel_app.views.filmstrip import filmstrip
from panel_app.views.output import Output
from panel_app.views.params import Parameters
from panel_app.views.results import results
from panel_app.views.tiles import tiles

SECTIONS = {
    "Curves": "curves",
    "Results": "results",
    "Predictions": "predictions",
    "Output": "output",
    "Parameters": "parameters",
}
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
        self._frames: tuple[Frame, ...] | None = None
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
            label="Show", options=SECTIONS, value="curves", margin=(8, 10), sx=PLAIN
        )
        self.board = Board(self.services.reader, self._keep)
        self.results = pn.pane.HTML("", sizing_mode="stretch_width", margin=(8, 10))
        self.reports = pn.pane.HTML("", sizing_mode="stretch_width", margin=(4, 10))
        self.film = pn.pane.HTML("", sizing_mode="stretch_width", margin=(8, 10))
        self.output = Output(sizing_mode="stretch_width", margin=(4, 10))
        self.download = pn.pane.HTML("", margin=(4, 10))
        self.params = Parameters(self.services)
        self._parts = {
            "curves": self.board.view,
            "results": pn.Column(self.reports, self.results, sizing_mode="stretch_width"),
            "predictions": self.film,
            "output": pn.Column(self.output, self.download, sizing_mode="stretch_width"),
            "parameters": self.params.view,
        }
        self.body = pn.Column(
            self.bar,
            self.actions.view,
            self.tiles,
            self.section,
            sizing_mode="stretch_width",
            visible=False,
        )
        self.view = pn.Column(self.top, self.words, self.body, sizing_mode="stretch_width")
        self._show_section()
        self.section.param.watch(self._section_changed, "value")

    async def open(self, values: Mapping[str, str]) -> None:
        """Show the run of the address."""
        run_id = values.get("run", "")
        self._is_restoring = True
        self.board.restore(values)
        wanted = values.get("show", "curves")
        self.section.value = wanted if wanted in self._parts else "curves"
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
        self.film.object = "Reading ..."
        self.reports.object = self.results.object = ""
        self._files_at = 0.0
        self._frames, self._subject, self._blocks, self._state = None, None, [], None
        self.board.show([])
        self._watch()

    def _watch(self) -> None:
        self._watching = self.services.hub.watch(self.run_id, output=True)
        self._seen = -1
        self.output.follow(self._watching.feed.output)

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
            elif self.section.value == "curves":
                self.board.update()
            if self.section.value == "output":
                self.output.send()

    def _show(self, details: Details) -> None:
        assert self._watching is not None
        one, feed = details.row, self._watching.feed
        self.heading = one.title
        self.body.visible = True
        _set(self.top, _top(details))
        _set(self.bar, progress.bar(one, feed))
        newest = {key: float(c.values[-1]) for key, c in list(feed.curves.items()) if len(c)}
        _set(self.tiles, tiles({**details.run.metrics, **newest}))
        text = results(details.run.metrics, one.metric)
        _set(self.results, text or "Figures come with the first evaluation.")
        # What `lakesight train` wrote went to where it was started.
        self.download.visible = details.run.is_submitted
        self.actions.show(details)
        self.params.show(details.run)
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
        if (
            feed is None
            or feed.details is None
            or self.section.value not in ("predictions", "results")
        ):
            return
        final = feed.details.row.state.is_final
        due = self._files_at + (60 * _FILES_S if final else _FILES_S)
        if time.monotonic() < due and self._files_at:
            return
        self._files_at = time.monotonic()
        await self._read_files(feed.details)

    async def _read_files(self, details: Details) -> None:
        files, run = self.services.artifacts, details.run
        try:
            if self.section.value == "predictions":
                frames = await asyncio.to_thread(files.frames, run)
                if frames != self._frames:
                    self._frames = frames
                    _set(self.film, _film(run.run_id, frames, self.services.media))
            else:
                reports = await asyncio.to_thread(files.reports, run)
                _set(self.reports, self._reports(run.run_id, reports))
        except LakesightError as error:
            _set(self.film, safe(error))

    def _reports(self, run_id: str, reports: Mapping[str, str]) -> str:
        links = [
            f'<a href="{safe(self.services.media.url("report", run=run_id, path=path))}" '
            'target="_blank" rel="noopener" style="color:var(--panel-primary-color);font-weight:600">'
            f"Evaluation report on {safe(split)}</a>"
            for split, path in reports.items()
        ]
        if links and self._watching is not None and self._watching.feed.details is not None:
            run = self._watching.feed.details.run
            source = run.tags.get(SOURCE) or run.run_id
            address = safe(query(page="evaluate", run=source))
            links.append(
                f'<a href="{address}" style="color:var(--panel-primary-color);font-weight:600">'
                "All of it, with every image, under Evaluate</a>"
            )
        return " &nbsp;&middot;&nbsp; ".join(links)

    def _section_changed(self, _: Any) -> None:
        self._show_section()
        self._files_at = 0.0
        self._seen, self._state = -1, None
        self._keep()
        self._pull()

    def _show_section(self) -> None:
        for name, part in self._parts.items():
            part.visible = name == self.section.value
            if part.visible and part not in self.body:
                # When it is first looked at: a tab pays for what the browser has.
                self.body.append(part)
        if self.section.value == "output" and self.run_id:
            url = self.services.media.url("output", run=self.run_id, at=time.time())
            style = "color:var(--panel-primary-color)"
            self.download.object = f'<a href="{safe(url)}" style="{style}">Download the output</a>'

    def _keep(self) -> None:
        if self.run_id and not self._is_restoring:
            shown = "" if self.section.value == "curves" else self.section.value
            self.context.keep("run", run=self.run_id, show=shown, **self.board.state)

    def _acted(self) -> None:
        self._seen, self._state = -1, None


def _set(pane: Any, text: str) -> None:
    if pane.object != text:
        pane.object = text


def _title(state: RunState) -> str:
    return {
        RunState.FAILED: "The run failed",
        RunState.LOST: "The run is lost",
        RunState.CANCELED: "The run was canceled",
    }.get(state, str(state))


def _film(run_id: str, frames: Any, media: Any) -> str:
    if not frames:
        return (
            "Pictures come with the first evaluation: the same images each time "
            "(<code>tracking.num_images</code> of them)."
        )
    return (
        '<p style="margin:0 0 10px;font-size:13px;opacity:.8">The same images at each evaluation: truth '
        "left, prediction right; the newest is at the right end.</p>"
        f"{filmstrip(run_id, frames, media)}"
    )


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
