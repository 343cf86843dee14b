"""One batch: how far, what it was to do, what it gave, and what can be done to it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import panel as pn

from cvcore.errors import LakesightError
from launch.base import RunState
from panel_app import deeds
from panel_app.batch import batches
from panel_app.batch.batches import Batch
from panel_app.batch.results import Results
from panel_app.context import Context
from panel_app.forms.view import Action, Notice
from panel_app.pages.base import chip
from panel_app.router import query
from panel_app.rows import duration
from panel_app.safe import safe
from panel_app.views.image_grid import ImageGrid

_LINK = "color:var(--panel-primary-color);font-weight:600"
_ENDED = (RunState.FAILED, RunState.CANCELED, RunState.LOST)


class Shown:
    """The part of the page that shows one batch."""

    def __init__(self, context: Context, done: Callable[[], None]) -> None:
        """Build it, still empty.

        Args:
            context: of the session.
            done: called after something was done to the batch.
        """
        self.context, self._done = context, done
        self.batch: Batch | None = None
        self._results: Results | None = None
        self._count = -1
        self._task: asyncio.Task[None] | None = None
        self.top = pn.pane.HTML("", sizing_mode="stretch_width", margin=(4, 10))
        self.bar = pn.pane.HTML("", sizing_mode="stretch_width", margin=(6, 10))
        self.words = Notice(margin=(6, 10))
        self.cancel = Action(
            lambda _: self._do("cancel"),
            label="Cancel",
            width=140,
            sizing_mode="fixed",
            visible=False,
        )
        self.resume = Action(
            lambda _: self._do("resume"),
            label="Go on",
            kind="main",
            width=140,
            sizing_mode="fixed",
            visible=False,
        )
        self.files = pn.pane.HTML("", sizing_mode="stretch_width", margin=(6, 10))
        self.grid = ImageGrid(sizing_mode="stretch_width", margin=(4, 10), visible=False)
        self.grid.asked = self._asked
        self.view = pn.Column(
            self.top,
            self.bar,
            pn.Row(self.cancel, self.resume, margin=(0, 10)),
            self.words,
            self.files,
            self.grid,
            sizing_mode="stretch_width",
            visible=False,
        )

    async def show(self, run_id: str) -> None:
        """Show how a batch is now.

        Raises:
            LakesightError: there is none of this id, or it can't be read now.
        """
        services = self.context.services
        batch = await asyncio.to_thread(batches.one, services, run_id)
        if self.batch is None or self.batch.run.run_id != run_id:
            self._results, self._count = None, -1
            self.grid.visible = False
            self.files.object = ""
        self.batch = batch
        with pn.io.hold():
            self._show(batch)
        if batch.is_here and batch.job is not None:
            if self._results is None:
                self._results = await asyncio.to_thread(Results, services, run_id, batch.job)
            await self._show_results(self._results)

    def hide(self) -> None:
        """Show nothing."""
        self.view.visible = False
        self.batch = None

    def close(self) -> None:
        """Drop what is under way."""
        self.grid.asked = None
        if self._task is not None:
            self._task.cancel()

    def _show(self, batch: Batch) -> None:
        state, run, job = batch.status.state, batch.run, batch.job
        self.view.visible = True
        self.cancel.visible = not state.is_final
        self.resume.visible = state in _ENDED
        tag = run.tags.get
        facts = {
            "model": job.model if job else tag("lakesight.batch.model", ""),
            "images": job.source if job else tag("lakesight.batch.source", ""),
            "output": job.out if job else tag("lakesight.batch.out", ""),
            "as": job.format if job else "",
            "where": run.handle.launcher,
            "user": run.user,
            "submitted": time.strftime("%d %b %Y %H:%M", time.localtime(run.submitted_at)),
            "took": "" if (took := _took(batch)) is None else duration(took),
        }
        listed = "".join(
            f'<div><dt style="opacity:.74;font-size:12px">{key}</dt><dd style="margin:0;'
            f'overflow-wrap:anywhere;font-size:13.5px">{safe(text)}</dd></div>'
            for key, text in facts.items()
            if text
        )
        output = query(page="run", run=run.run_id, show="output")
        _set(
            self.top,
            '<nav style="font-size:13px"><a href="?page=batch" style="color:var(--panel-primary-color)">'
            "All batches, and a new one</a></nav>"
            '<div style="display:flex;flex-wrap:wrap;align-items:center;gap:6px 14px;margin:4px 0 0">'
            f'<h1 style="font-size:26px;font-weight:650;margin:0">{safe(run.title)}</h1>{chip(state)}'
            f'<a href="{safe(output)}" style="{_LINK};font-size:13px">Output of the run</a></div>'
            f'<dl style="display:flex;flex-wrap:wrap;gap:10px 30px;margin:12px 0 0">{listed}</dl>',
        )
        _set(self.bar, _bar(batch))
        if state is RunState.FAILED:
            self.words.say("The batch failed", batch.status.reason, "error")
        elif state in _ENDED:
            self.words.say(
                "It ended before its end" if state is RunState.LOST else "The batch was canceled",
                "What is done stays. Go on does the images that have no answer yet, no image twice.",
            )
        elif state is RunState.SUCCEEDED and not batch.is_here:
            self.words.say("It is done", f"Its output is {facts['output']}, not on this machine.")
        else:
            self.words.say("")

    async def _show_results(self, results: Results) -> None:
        count = await asyncio.to_thread(results.count)
        over = self.batch is not None and self.batch.status.state.is_final
        if count == self._count and not over:
            return
        links = await asyncio.to_thread(results.links) if over else []
        text = " &nbsp;&middot;&nbsp; ".join(
            f'<a href="{safe(url)}" download style="{_LINK}">{safe(title)}</a>'
            for title, url in links
        )
        _set(self.files, f"To keep: {text}" if text else "")
        if count == self._count:
            return
        first = self._count <= 0
        self._count = count
        with pn.io.hold():
            self.grid.param.update(
                kind=results.facts.task,
                labels=results.labels,
                total=count,
                # The rows before stay where they are: only the first time all is new.
                generation=self.grid.generation + (1 if first or over else 0),
                hint="Rows come with the first part that is done.",
            )
            self.grid.visible = count > 0

    async def _asked(self, message: dict[str, Any]) -> None:
        results, kind = self._results, message.get("type")
        generation = self.grid.generation
        if results is None or message.get("generation") != generation:
            return
        try:
            if kind == "window":
                start, count = max(0, int(message["start"])), min(200, int(message["count"]))
                items = await asyncio.to_thread(results.items, start, count)
                told = {"type": "window", "generation": generation, "start": start, "items": items}
                self.grid.tell(told)
            elif kind == "detail":
                place = int(message.get("index", -1))
                item = await asyncio.to_thread(results.large, place)
                self.grid.tell({"type": "detail", "item": {**item, "index": place}})
        except LakesightError as error:
            self.context.tell(str(error), "warning")

    def _do(self, what: str) -> None:
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._act(what))

    async def _act(self, what: str) -> None:
        batch, services, user = self.batch, self.context.services, self.context.user
        if batch is None:
            return
        self.cancel.disabled = self.resume.disabled = True
        try:
            if what == "cancel":
                await deeds.do(batches.cancel, batch, user)
                self.context.tell("The batch was asked to stop; what is done stays.", "success")
            else:
                await deeds.do(batches.go_on, services, batch, user)
                self.context.tell("It goes on with the images that have no answer yet.", "success")
        except LakesightError as error:
            self.context.tell(str(error), "error")
        finally:
            self.cancel.disabled = self.resume.disabled = False
        services.renew_rows()
        self._done()


def _took(batch: Batch) -> float | None:
    began, ended = batch.status.started_at, batch.status.ended_at
    return ended - began if began is not None and ended is not None and ended > began else None


def _bar(batch: Batch) -> str:
    now, state = batch.progress, batch.status.state
    line = f'<div style="font-size:13px;margin-top:5px">{safe(batches.state_of(batch))}</div>'
    waits = state in (RunState.PENDING, RunState.QUEUED)
    if now is None or not now.total or waits or (batch.is_new_start and not state.is_final):
        return line
    percent = round(100 * now.done / now.total)
    return (
        f'<div role="progressbar" aria-valuemin="0" aria-valuemax="100" aria-valuenow="{percent}" '
        f'aria-label="Progress of {safe(batch.run.title)}" style="height:8px;border-radius:8px;'
        'overflow:hidden;background:color-mix(in srgb, currentColor 14%, transparent)">'
        f'<div style="height:100%;width:{percent}%;background:var(--panel-primary-color)"></div></div>'
        f"{line}"
    )


def _set(pane: Any, text: str) -> None:
    if pane.object != text:
        pane.object = text
