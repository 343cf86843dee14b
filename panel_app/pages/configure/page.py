"""Configure: compose a run, see what it comes to, launch it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import panel as pn
import panel_material_ui as pmui

from panel_app.context import Context
from panel_app.forms.editor import Editor
from panel_app.forms.view import Nav
from panel_app.pages.base import heading, notice
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
        self.words = pmui.Column(sizing_mode="stretch_width")
        self.nav = Nav(label="Sections of the form", active="model", margin=(4, 0, 10, 0))
        self.nav.param.watch(self._turned, "active")
        self.sections: dict[str, Any] = {}
        self.form = pmui.Column(sizing_mode="stretch_width")
        self.result = Result(context, self.editor)
        self._kept = ""
        left = pn.Column(
            self.nav, self.form, styles={"flex": "1 1 520px", "min-width": "0"}, margin=(0, 10)
        )
        right = pn.Column(
            self.result.view,
            styles={"flex": "1 1 380px", "min-width": "0", "position": "sticky", "top": "12px"},
            margin=(0, 10),
        )
        self.view = pmui.Column(
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
        asked = values.get("set", "")
        if asked != self._kept and (asked or not self.sections):
            faults = self.editor.restore(asked)
            self._kept = self.editor.query()
            self.words.objects = (
                [notice("Some of the address is left out", " ".join(faults), "warning")]
                if faults
                else []
            )
        self._turn()
        self.editor.ask()

    async def refresh(self) -> None:
        """Nothing changes by itself."""

    def close(self) -> None:
        """Drop what is under way."""
        self.editor.close()
        self.result.close()

    def _turned(self, _event: Any) -> None:
        self._turn()

    def _turn(self) -> None:
        name = self.nav.active if self.nav.active in SECTIONS else "model"
        if name not in self.sections:
            self.sections[name] = Section(SECTIONS[name][1], self.editor)
            self.form.append(self.sections[name].view)
        with pn.io.hold():
            for key, section in self.sections.items():
                section.view.visible = key == name
            self.sections[name].show()

    def _changed(self) -> None:
        self._kept = self.editor.query()
        self.context.keep("configure", set=self._kept)
        self._show()

    def _answered(self) -> None:
        self._show()

    def _show(self) -> None:
        with pn.io.hold():
            self.nav.items = nav_items(self.editor)
            section = self.sections.get(self.nav.active)
            if section is not None:
                section.show()
            self.result.show()
