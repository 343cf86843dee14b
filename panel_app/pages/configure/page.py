"""Configure: compose a run, see what it comes to, launch it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import panel as pn

from cvcore.errors import ConfigError
from panel_app.context import Context
from panel_app.forms.editor import Editor
from panel_app.forms.view import Action, Nav, Notice
from panel_app.navigation import PAGES
from panel_app.pages.base import heading
from panel_app.pages.configure.more import More
from panel_app.pages.configure.recipes import Recipes
from panel_app.pages.configure.result import Result
from panel_app.pages.configure.sections import SECTIONS, Section, nav_items


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

    async def refresh(self) -> None:
        """Nothing changes by itself."""

    def close(self) -> None:
        """Drop what is under way."""
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
                else Section(SECTIONS[name][1], self.editor, self._links(name))
            )
            self.form.append(self.sections[name].view)
        with pn.io.hold():
            for key, section in self.sections.items():
                section.view.visible = key == name
            self.sections[name].show()

    def _links(self, name: str) -> list[Any]:
        if name != "data" or "data" not in PAGES:
            return []
        look = Action(
            lambda _: self.context.go("data", set=self.editor.query()),
            label="Explore this data",
            sizing_mode="fixed",
            margin=(4, 0, 16, 0),
        )
        return [look]

    def _named(self, title: str) -> None:
        self._keep(title)
        self.recipes.show()

    def _changed(self) -> None:
        self._keep(self.recipes.title)
        self._show()

    def _keep(self, title: str) -> None:
        self._kept = self.editor.query()
        self.context.keep("configure", set=self._kept, recipe=title)

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
