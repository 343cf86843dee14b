"""Deploy: the address, and what is shown of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import panel as pn

from cvcore.errors import LakesightError
from launch.serving.places import get_place, has_workspace
from launch.serving.types import Endpoint
from panel_app.context import Context
from panel_app.errands.errands import Errands
from panel_app.errands.files import Errand
from panel_app.forms.view import Action, Notice
from panel_app.models import of
from panel_app.pages.base import heading
from panel_app.pages.deploy import one as chosen
from panel_app.pages.deploy.form import DeployForm
from panel_app.pages.deploy.listing import endpoints_table
from panel_app.router import query
from panel_app.tasks import Tasks
from panel_app.views.errand_list import ErrandList

KINDS = ("smoke", "load")
_REMOTE_EVERY = 5
"""Ticks between two looks at Model Serving; this machine is looked at on each."""


class DeployPage:
    """See this package."""

    heading = "Deploy"
    period_ms = 1_000

    def __init__(self, context: Context) -> None:
        """Build it, still empty."""
        self.context = context
        self.errands = Errands()
        self.place, self.name = "", ""
        self._remote: list[Endpoint] = []
        self._remote_fault = ""
        self._turn, self._ticks = 0, 0
        self._tasks = Tasks()
        self.new = Action(self._open_form, label="Deploy a model", sizing_mode="fixed")
        self.work = ErrandList(self.errands, KINDS, _told, self._ended)
        self.form = DeployForm(context, of(context.services), self._deployed)
        self.words = Notice()
        self.remote_words = Notice()
        self.table = pn.pane.HTML("", sizing_mode="stretch_width", margin=(4, 10, 18, 10))
        self.one = chosen.One(context, self.errands, self._read_all)
        self.there = pn.Column(
            pn.Column(self.words, self.remote_words, sizing_mode="stretch_width", margin=(0, 10)),
            self.table,
            self.one.view,
            sizing_mode="stretch_width",
        )
        self.view = pn.Column(
            pn.Row(
                heading("Deploy", "Endpoints that answer requests with a model."),
                pn.Spacer(sizing_mode="stretch_width"),
                pn.Column(self.new, margin=(10, 10)),
            ),
            pn.Column(self.work.view, sizing_mode="stretch_width", margin=(0, 10, 8, 10)),
            self.form.view,
            self.there,
            sizing_mode="stretch_width",
        )

    async def open(self, values: Mapping[str, str]) -> None:
        """Show the endpoint of an address."""
        self._turn += 1
        self.place, self.name = values.get("place", "local"), values.get("endpoint", "")
        asked = bool(values.get("new") or values.get("word"))
        # One thing at a time: the form, or what there is.
        self.there.visible = not asked
        if asked:
            await self.form.open(values.get("word", ""))
        else:
            self.form.view.visible = False
        await self.work.refresh()
        await self._read_all()

    async def refresh(self) -> None:
        """Look how endpoints and tests are."""
        await self.work.refresh()
        self._ticks += 1
        await self._read(remote=self._ticks % _REMOTE_EVERY == 0)

    def close(self) -> None:
        """Drop what is under way."""
        self.form.close()
        self.work.close()
        self.one.close()
        self._tasks.close()

    async def _read_all(self) -> None:
        await self._read(remote=True)

    async def _read(self, remote: bool) -> None:
        turn = self._turn
        try:
            found = await asyncio.to_thread(get_place("local").all)
        except (LakesightError, OSError) as error:
            self.words.say("The endpoints can't be read", str(error), "error")
            return
        if remote and has_workspace():
            try:
                self._remote = await asyncio.to_thread(get_place("databricks").all)
                self._remote_fault = ""
            except LakesightError as error:
                self._remote_fault = str(error)
        if turn != self._turn:
            return
        found = [*found, *self._remote]
        title = "Model Serving can't be read" if self._remote_fault else ""
        self.remote_words.say(title, self._remote_fault, "warning")
        one = next((e for e in found if (e.place, e.name) == (self.place, self.name)), None)
        if not self.name and len(found) == 1:
            one = found[0]
        if self.name and one is None:
            known = ", ".join(e.name for e in found) or "none"
            text = f"{self.name!r} is not there, or not any more. Endpoints: {known}."
            self.words.say("There is no such endpoint", text, "warning")
        elif not found:
            self.words.say(
                "There is no endpoint yet",
                "An endpoint answers requests with a registered version or with a run's best model. Press "
                "Deploy a model, or say: lakesight deploy runs/latest --name NAME.",
            )
        else:
            self.words.say("")
        html = endpoints_table(found, (one.place, one.name) if one else ("", "")) if found else ""
        if self.table.object != html:
            self.table.object = html
        await self.one.show(one)

    def _open_form(self, _word: dict[str, Any]) -> None:
        if self.form.view.visible:
            self.form.view.visible = False
            self.there.visible = True
            self.context.keep("deploy", place=self.place, endpoint=self.name)
            return
        self.there.visible = False
        self.context.keep("deploy", new="1")
        self._tasks.begin(self.form.open(""))

    async def _deployed(self, place: str, name: str) -> None:
        self.context.tell(f"{name} is on its way.", "success")
        self.context.go("deploy", place=place, endpoint=name)

    async def _ended(self, _errand: Errand) -> None:
        await self._read(remote=False)


def _told(errand: Errand) -> tuple[str, str]:
    """Return what came of a test, and where a link leads."""
    given = errand.request.arguments
    href = query(page="deploy", place=given["place"], endpoint=given["name"])
    return chosen.told(errand), href
