"""Register: the address, and what is shown of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import panel as pn

from cvcore.errors import LakesightError
from launch.registry.registry import ModelVersion
from panel_app.context import Context
from panel_app.errands.errands import Errands
from panel_app.errands.files import Errand
from panel_app.forms.view import Action, Nav, Notice
from panel_app.models import of
from panel_app.pages.base import heading
from panel_app.pages.register import export, gate
from panel_app.pages.register.card import card_html
from panel_app.pages.register.facts import facts_html
from panel_app.pages.register.form import RegisterForm
from panel_app.pages.register.listing import alias_chip, gate_chip, models_table, versions_table
from panel_app.router import query
from panel_app.safe import safe
from panel_app.tasks import Tasks
from panel_app.views.errand_list import ErrandList

KINDS = ("register", "promote", "export")
SECTIONS = {"facts": "Facts", "card": "Model card", "gate": "Gate", "export": "Export"}
_READ_EVERY = 4


class RegisterPage:
    """See this package."""

    heading = "Register"
    period_ms = 1_000

    def __init__(self, context: Context) -> None:
        """Build it, still empty."""
        self.context = context
        self.models = of(context.services)
        self.errands = Errands()
        export.serve_files(context.services.media, self.errands)
        self.model, self.version = "", ""
        self._shown: ModelVersion | None = None
        self._turn, self._ticks = 0, 0
        self._tasks = Tasks()
        is_uc = context.services.ledger.uri.startswith("databricks")
        self.new = Action(self._open_form, label="Register a run", sizing_mode="fixed")
        self.work = ErrandList(self.errands, KINDS, _told, self._ended)
        self.form = RegisterForm(context, self.errands, is_uc)
        self.words = Notice()
        self.table = pn.pane.HTML("", sizing_mode="stretch_width", margin=(4, 10, 18, 10))
        self.title = pn.pane.HTML("", sizing_mode="stretch_width", margin=(4, 10, 0, 10))
        self.versions = pn.pane.HTML("", sizing_mode="stretch_width", margin=(0, 10, 18, 10))
        self.top = pn.pane.HTML("", sizing_mode="stretch_width", margin=(0, 10))
        self.nav = Nav(
            label="What is shown of the version",
            active="facts",
            items=[
                {"key": key, "label": label, "faults": 0, "changed": False}
                for key, label in SECTIONS.items()
            ],
            margin=(6, 10, 10, 10),
        )
        self.nav.param.watch(self._turned, "active")
        self.fault = Notice()
        self.facts = pn.pane.HTML("", sizing_mode="stretch_width", margin=0)
        self.card = pn.pane.HTML("", sizing_mode="stretch_width", margin=0)
        self.gate = gate.Gate(context, self.models, self.errands, self._moved)
        self.export = export.Export(context, self.errands)
        self._parts = {
            "facts": self.facts,
            "card": self.card,
            "gate": self.gate.view,
            "export": self.export.view,
        }
        self.one = pn.Column(
            self.top,
            self.nav,
            pn.Column(
                self.fault, *self._parts.values(), sizing_mode="stretch_width", margin=(0, 10)
            ),
            sizing_mode="stretch_width",
            visible=False,
        )
        self.view = pn.Column(
            pn.Row(
                heading("Register", "Models, their versions, and the gate before one is champion."),
                pn.Spacer(sizing_mode="stretch_width"),
                pn.Column(self.new, margin=(10, 10)),
            ),
            pn.Column(self.work.view, sizing_mode="stretch_width", margin=(0, 10, 8, 10)),
            self.form.view,
            pn.Column(self.words, sizing_mode="stretch_width", margin=(0, 10)),
            self.table,
            self.title,
            self.versions,
            self.one,
            sizing_mode="stretch_width",
        )

    async def open(self, values: Mapping[str, str]) -> None:
        """Show the model and version of an address."""
        self._turn += 1
        self.model, self.version = values.get("model", ""), values.get("version", "")
        wanted = values.get("show", "facts")
        self.nav.active = wanted if wanted in SECTIONS else "facts"
        if values.get("new") or values.get("run"):
            await self.form.open(values.get("run", ""))
        else:
            self.form.view.visible = False
        if not self.table.object:
            # The first question of a process may wait for the server to come up.
            self.words.say("Reading the registry ...", "")
        await self.work.refresh()
        await self._read()

    async def refresh(self) -> None:
        """Look how errands are; now and then read the registry again."""
        await self.work.refresh()
        self._ticks += 1
        if self._ticks % _READ_EVERY == 0:
            await self._read()

    def close(self) -> None:
        """Drop what is under way."""
        self.form.close()
        self.work.close()
        self.gate.close()
        self.export.close()
        self._tasks.close()

    async def _read(self) -> None:
        turn, model = self._turn, self.model
        try:
            found = await asyncio.to_thread(self.models.all)
            versions: Sequence[ModelVersion] = []
            if model:
                versions = await asyncio.to_thread(self.models.versions, model)
            elif len(found) == 1:
                model = found[0].model
                versions = await asyncio.to_thread(self.models.versions, model)
        except LakesightError as error:
            if turn == self._turn:
                self.words.say("This can't be shown", str(error), "error")
                self.title.object = self.versions.object = ""
                self.one.visible = False
            return
        if turn != self._turn:
            return
        if found:
            self.words.say("")
        else:
            self.words.say(
                "No model is registered yet",
                "A version holds the model, how good it is, how fast, how robust, and where it comes "
                "from. Press Register a run, or say: lakesight register RUN --as NAME.",
            )
        _set(self.table, models_table(found, model) if found else "")
        titles = {one.run_id: one.title for one in self.context.services.rows_now() or ()}
        chosen = self._chosen(versions)
        _set(self.title, _title(model) if model else "")
        number = chosen.version if chosen else ""
        _set(self.versions, versions_table(versions, number, titles) if versions else "")
        await self._show(chosen, titles.get(chosen.run_id, "") if chosen else "")

    def _chosen(self, versions: Sequence[ModelVersion]) -> ModelVersion | None:
        """Return the version that is shown: of the address, else the newest."""
        if not self.version:
            return versions[0] if versions else None
        found = next((v for v in versions if self.version in (v.version, *v.aliases)), None)
        if found is None and versions:
            known = ", ".join(v.version for v in versions[:10])
            text = f"{self.model} has no version {self.version!r}. Versions: {known}."
            self.words.say("There is no such version", text, "warning")
        return found

    async def _show(self, version: ModelVersion | None, run_title: str, anew: bool = False) -> None:
        self.one.visible = version is not None
        if version is None:
            self._shown = None
            return
        if version == self._shown and not anew:
            return
        same = self._shown is not None and (version.model, version.version) == (
            self._shown.model,
            self._shown.version,
        )
        self._shown = version
        _set(self.top, _top(version))
        if not same:
            self.facts.object = self.card.object = "Reading ..."
        await self._fill(version, run_title)

    async def _fill(self, version: ModelVersion, run_title: str) -> None:
        """Fill the part that is shown."""
        section = self.nav.active
        for key, part in self._parts.items():
            part.visible = key == section
        self.fault.say("")
        try:
            if section == "facts":
                facts = await asyncio.to_thread(self.models.facts, version)
                _set(self.facts, facts_html(facts, version, run_title))
            elif section == "card":
                _set(self.card, card_html(await asyncio.to_thread(self.models.card, version)))
            elif section == "gate":
                await self.gate.show(version)
            else:
                await self.export.show(version)
        except LakesightError as error:
            if version is self._shown:
                self._parts[section].visible = False
                self.fault.say("This can't be shown", str(error), "warning")

    def _turned(self, _event: Any) -> None:
        if self._shown is not None:
            shown = "" if self.nav.active == "facts" else self.nav.active
            self.context.keep(
                "register", model=self._shown.model, version=self._shown.version, show=shown
            )
            self._tasks.begin(self._show(self._shown, self._run_title(), anew=True))

    def _run_title(self) -> str:
        rows = self.context.services.rows_now() or ()
        run_id = self._shown.run_id if self._shown else ""
        return next((one.title for one in rows if one.run_id == run_id), "")

    def _open_form(self, _word: dict[str, Any]) -> None:
        if self.form.view.visible:
            self.form.view.visible = False
            self.context.keep("register", model=self.model, version=self.version)
            return
        self.context.keep("register", new="1")
        self._tasks.begin(self.form.open(""))

    async def _ended(self, errand: Errand) -> None:
        """Show what an errand changed."""
        await self._moved()
        if errand.request.kind in ("promote", "export") and self._shown is not None:
            await self._show(self._shown, self._run_title(), anew=True)

    async def _moved(self) -> None:
        self.models.renew()
        await self._read()


def _told(errand: Errand) -> tuple[str, str]:
    """Return what came of an errand, and where a link leads."""
    kind, given, result = errand.request.kind, errand.request.arguments, errand.result
    if kind == "register":
        href = query(page="register", model=result["model"], version=result["version"])
        said = f"{result['model']} version {result['version']}. {result['not_measured']}"
        return said.strip(), href
    if kind == "promote":
        values = {"model": given["model"], "version": given["version"], "show": "gate"}
        return gate.told(errand), query(page="register", **values)
    return export.told(errand), ""


def _set(pane: Any, text: str) -> None:
    if pane.object != text:
        pane.object = text


def _title(model: str) -> str:
    return f'<h2 style="font-size:19px;font-weight:650;margin:0;overflow-wrap:anywhere">{safe(model)}</h2>'


def _top(version: ModelVersion) -> str:
    aliases = " ".join(alias_chip(one) for one in version.aliases)
    deploy = query(page="deploy", new="1", word=f"{version.model}/{version.version}")
    return (
        '<div style="display:flex;flex-wrap:wrap;gap:6px 14px;align-items:center;font-size:13.5px">'
        f'<h2 style="font-size:17px;font-weight:650;margin:0">Version {safe(version.version)}</h2>'
        f"{aliases}<span>{gate_chip(version)}</span>"
        f'<a href="{safe(deploy)}" style="color:var(--panel-primary-color);font-weight:600">'
        "Deploy this version</a></div>"
        f'<p style="margin:4px 0 0;font-size:13.5px;opacity:.85">{safe(version.description)}</p>'
    )
