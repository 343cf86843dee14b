"""Configure: compose a run, see what it comes to, launch it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

import panel as pn

from cvcore.errors import ConfigError, LakesightError
from panel_app.context import Context
from panel_app.forms.editor import Editor
from panel_app.forms.view import Nav, Notice
from panel_app.pages.base import heading
from panel_app.pages.configure.folder import Folder
from panel_app.pages.configure.more import More
from panel_app.pages.configure.recipes import Recipes
from panel_app.pages.configure.result import Result
from panel_app.pages.configure.sections import SECTIONS, Section, nav_items
from panel_app.router import MAX_LENGTH, is_too_long

log = logging.getLogger(__name__)

_LONG = (
    "Too long for the address",
    f"What the form holds needs {MAX_LENGTH:,} characters or more, so the address keeps an earlier form: "
    "a refresh, a link or a second browser would show that one. Save it as a recipe to keep it. "
    "The launch takes all of it.",
    "warning",
)


class ConfigurePage:
    """The form on the left, what it comes to on the right."""

    heading = "Configure"
    period_ms = 5_000

    def __init__(self, context: Context) -> None:
        """Build the first section; the others come when they are opened."""
        self.context = context
        self.editor = Editor(self._changed, self._answered)
        self.words = Notice()
        self.nav = Nav(label="Sections of the form", active="model", margin=(4, 0, 10, 0))
        self.nav.param.watch(self._turned, "active")
        # The first section is there from the start: what comes to a layout while the browser still
        # builds it may not be shown.
        self.sections: dict[str, Any] = {"model": Section(SECTIONS["model"][1], self.editor)}
        self.form = pn.Column(self.sections["model"].view, sizing_mode="stretch_width")
        self.result = Result(context, self.editor)
        self.recipes = Recipes(self.editor, self._named)
        self._kept = ""
        self._is_long = False
        self._measuring: asyncio.Task[None] | None = None
        left = pn.Column(
            self.recipes.bar,
            self.nav,
            self.form,
            styles={"flex": "10 1 560px", "min-width": "0"},
            margin=(0, 10),
        )
        right = pn.Column(
            self.result.view,
            styles={"flex": "1 1 390px", "min-width": "0", "position": "sticky", "top": "12px"},
            margin=(0, 10),
        )
        self.view = pn.Column(
            heading("Configure", "Compose a run, see what it comes to, and launch it."),
            self.words,
            pn.FlexBox(
                left,
                right,
                flex_wrap="wrap",
                align_items="flex-start",
                gap="24px",
                sizing_mode="stretch_width",
            ),
            sizing_mode="stretch_width",
        )
        self.nav.items = nav_items(self.editor)

    async def open(self, values: Mapping[str, str]) -> None:
        """Edit what the address says; without anything the form stays as it is."""
        asked, title = values.get("set", ""), values.get("recipe", "")
        faults = []
        if title and not asked:
            try:
                await self.recipes.load(title)
            except ConfigError as error:
                faults = [str(error)]
        elif asked and asked != self._kept:
            self.recipes.name(title)
            faults = self.editor.restore(asked)
            await self.recipes.compare()
        if faults or asked != self._kept:
            title = "Some of the address is left out" if faults else ""
            self.words.say(title, "\n".join(faults), "warning")
        self._turn()
        self._show()
        self.editor.ask()
        if self._measuring is None or self._measuring.done():
            self._measuring = asyncio.get_running_loop().create_task(self._measure())

    async def refresh(self) -> None:
        """Nothing changes by itself."""

    def close(self) -> None:
        """Drop what is under way."""
        if self._measuring is not None:
            self._measuring.cancel()
        self.editor.close()
        self.result.close()
        self.recipes.close()
        for section in self.sections.values():
            section.close()

    def _turned(self, _event: Any) -> None:
        self._turn()

    def _turn(self) -> None:
        name = self.nav.active if self.nav.active in SECTIONS else "model"
        if name not in self.sections:
            self.sections[name] = (
                More(self.editor)
                if name == "more"
                else Section(
                    SECTIONS[name][1],
                    self.editor,
                    Folder(self.context, self.editor) if name == "data" else None,
                )
            )
            self.form.append(self.sections[name].view)
        with pn.io.hold():
            for key, section in self.sections.items():
                section.view.visible = key == name
            self.sections[name].show()

    async def _measure(self) -> None:
        try:
            runs = await asyncio.to_thread(self.context.services.rows)
        except LakesightError as error:
            # The table is whole without; the pages of runs say what is wrong with the ledger.
            log.info("the models' speeds can't be read: %s", error)
            return
        self.sections["model"].measured(runs)

    def _named(self, title: str) -> None:
        self._keep(title)
        self.recipes.show()

    def _changed(self) -> None:
        self._keep(self.recipes.title)
        self._show()

    def _keep(self, title: str) -> None:
        self._kept = self.editor.query()
        self.context.keep("configure", set=self._kept, recipe=title)
        is_long = is_too_long({"set": self._kept})
        if is_long != self._is_long:
            self._is_long = is_long
            self.words.say(*(_LONG if is_long else ("",)))

    def _answered(self) -> None:
        self._show()

    def _show(self) -> None:
        with pn.io.hold():
            self.nav.items = nav_items(self.editor)
            self.recipes.show()
            section = self.sections.get(self.nav.active)
            if section is not None:
                section.show()
            self.result.show()
