"""The box for overrides as on a command line, sweeps included."""

from __future__ import annotations

import asyncio
import shlex
from pathlib import Path
from typing import Any, ClassVar

import panel as pn
import param

from cvcore.errors import ConfigError
from launch.sweep import expand
from panel_app.forms.editor import Editor
from panel_app.forms.view import STYLE, Speaking

_HERE = Path(__file__).parent


class OverrideBox(Speaking):
    """It says {"add", "sweep"}, {"remove"} or {"single"}."""

    items = param.List(default=[], doc="Overrides that no field shows.")
    fault = param.Dict(default={}, doc="text: why the last ones were not taken.")
    taken = param.Integer(default=0, doc="Counts what was taken.")
    count = param.String(default="", doc="How many runs the sweep has.")
    is_sweep = param.Boolean(default=False, doc="Whether there is one.")

    _esm = _HERE / "more.js"
    _stylesheets: ClassVar[list[str]] = [STYLE]


class More:
    """Free overrides, checked before they are taken."""

    def __init__(self, editor: Editor) -> None:
        """Build it."""
        self.editor = editor
        self._counted: tuple[str, ...] = ()
        self._task: asyncio.Task[None] | None = None
        self.box = OverrideBox(self._said)
        self.view = pn.Column(self.box, sizing_mode="stretch_width", margin=(8, 0))
        self.show()

    def show(self) -> None:
        """Show the overrides that no field shows, and the sweep."""
        editor = self.editor
        self.box.param.update(
            items=[*editor.recipe.extra, *editor.sweeps], is_sweep=bool(editor.sweeps)
        )
        if not editor.sweeps:
            self._counted, self.box.count = (), ""
        elif editor.sweeps != self._counted:
            self._counted = editor.sweeps
            self._task = asyncio.get_running_loop().create_task(self._count())

    def close(self) -> None:
        """Drop what is under way."""
        if self._task is not None:
            self._task.cancel()

    def _said(self, word: dict[str, Any]) -> None:
        if "remove" in word:
            self.editor.remove(str(word["remove"]))
        elif "single" in word:
            for text in self.editor.sweeps:
                self.editor.remove(text)
        elif "add" in word:
            self._add(str(word["add"]), bool(word.get("sweep")))

    def _add(self, text: str, is_sweep: bool) -> None:
        try:
            self.editor.add(shlex.split(text), is_sweep=is_sweep)
        except (ConfigError, ValueError) as error:
            said = str(error)
            if "several values" in said and not is_sweep:
                said = said.partition(". ")[0] + ". Switch on the sweep below, or give one value."
            self.box.fault = {"text": said}
            return
        self.box.param.update(fault={}, taken=self.box.taken + 1)

    async def _count(self) -> None:
        try:
            runs = await asyncio.to_thread(expand, self.editor.overrides(), self.editor.composer)
        except ConfigError as error:
            self.box.param.update(fault={"text": str(error)}, count="")
            return
        self.box.count = f"{len(runs):,} runs, one for each combination."
