"""Batch: a form for a new one, the list of all, and one of them by its run's id."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import panel as pn

from cvcore.errors import LakesightError
from panel_app import deeds
from panel_app.batch import batches
from panel_app.batch.batches import Batch
from panel_app.context import Context
from panel_app.forms.view import Notice
from panel_app.pages.base import chip, heading
from panel_app.pages.batch.form import Form
from panel_app.pages.batch.shown import Shown
from panel_app.playground import models
from panel_app.router import query
from panel_app.safe import safe

_LIST_EVERY = 4


class BatchPage:
    """See this module."""

    heading = "Batch"
    period_ms = 1_000

    def __init__(self, context: Context) -> None:
        """Build it, still empty."""
        self.context = context
        self.services = context.services
        self.run_id = ""
        self._ticks = 0
        self._task: asyncio.Task[None] | None = None
        self.words = Notice(margin=(6, 10))
        self.form = Form(context, self._keep, self._start)
        self.list = pn.pane.HTML("", sizing_mode="stretch_width", margin=(16, 10))
        self.head = heading("Batch", "Let a model answer for a folder or a table of images.")
        self.new = pn.Column(
            self.form.view,
            self.list,
            sizing_mode="stretch_width",
        )
        self.shown = Shown(context, self._again)
        self.view = pn.Column(
            self.head, self.words, self.new, self.shown.view, sizing_mode="stretch_width"
        )

    async def open(self, values: Mapping[str, str]) -> None:
        """Show the batch of an address, or the form as it says."""
        self.run_id = values.get("run", "")
        self.heading = f"Batch {self.run_id[:8]}" if self.run_id else "Batch"
        self.head.visible = self.new.visible = not self.run_id
        self.words.say("")
        if self.run_id:
            await self.refresh()
            return
        self.shown.hide()
        found = await asyncio.to_thread(models.find, self.services)
        self.form.meet(found.models)
        self.form.restore(values)
        if not found.models:
            self.words.say(
                "There is no model yet",
                "Train one: Configure and Launch. A run with a best model and every registered version can "
                f"be used here. {' '.join(found.faults)}".strip(),
            )
        self._ticks = 0
        await self.refresh()

    async def refresh(self) -> None:
        """Look how the batch is, or the batches."""
        self._ticks += 1
        try:
            if self.run_id:
                await self.shown.show(self.run_id)
            elif self._ticks % _LIST_EVERY == 1:
                found = await asyncio.to_thread(batches.listed, self.services)
                text = _listed(found)
                if self.list.object != text:
                    self.list.object = text
        except LakesightError as error:
            self.words.say("This can't be read now", str(error), "error")
            return
        if self.words.severity == "error" and self.run_id:
            self.words.say("")

    def close(self) -> None:
        """Drop what is under way here; batches go on."""
        self.shown.close()
        if self._task is not None:
            self._task.cancel()

    def _keep(self) -> None:
        if not self.run_id:
            self.context.keep("batch", **self.form.values())

    def _again(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self.refresh())

    def _start(self) -> None:
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._submit())

    async def _submit(self) -> None:
        self.form.start.disabled = True
        self.words.say("Handing it over ...")
        try:
            job, more, place = self.form.job(), self.form.overrides(), self.form.place
            run_id = await deeds.do(
                batches.start, self.services, job, place, more, self.context.user
            )
        except LakesightError as error:
            self.words.say("The batch can't be started", str(error), "error")
            return
        finally:
            self.form.start.disabled = False
        self.words.say("")
        self.services.renew_rows()
        self.context.go("batch", run=run_id)


def _listed(found: Sequence[Batch]) -> str:
    if not found:
        return (
            '<h2 style="font-size:17px;font-weight:650;margin:0 0 4px">Batches</h2>'
            "There is none yet. Choose a model, a folder of images and an output folder above."
        )
    rows = "".join(_row(batch) for batch in found)
    heads = "".join(
        f'<th scope="col" style="{_CELL};text-align:left;font-size:12.5px">{head}</th>'
        for head in ("Batch", "State", "How far", "Images", "Output")
    )
    return (
        '<h2 style="font-size:17px;font-weight:650;margin:0 0 4px">Batches</h2>'
        '<div style="overflow-x:auto"><table aria-label="Batches" style="border-collapse:collapse;'
        f'font-size:13px;width:100%"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>'
    )


def _row(batch: Batch) -> str:
    run = batch.run
    link = safe(query(page="batch", run=run.run_id))
    tag: Any = run.tags.get
    cells = [
        f'<a href="{link}" style="color:var(--panel-primary-color);font-weight:600">{safe(run.title)}</a>',
        chip(batch.status.state),
        safe(batches.state_of(batch)),
        safe(tag("lakesight.batch.source", "")),
        safe(tag("lakesight.batch.out", "")),
    ]
    return "<tr>" + "".join(f'<td style="{_CELL}">{cell}</td>' for cell in cells) + "</tr>"


_CELL = (
    "padding:6px 16px 6px 0;vertical-align:top;overflow-wrap:anywhere;"
    "border-bottom:1px solid color-mix(in srgb, currentColor 12%, transparent)"
)
