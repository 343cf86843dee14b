"""The top of the page Data: task, format, folder, and all further settings of the format."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import panel as pn
import panel_material_ui as pmui

from cvcore.config.schema import TASKS
from cvcore.data.readers import READERS
from panel_app.data.choice import readers_of, with_reader, with_task
from panel_app.data.sets import DataSets
from panel_app.forms.editor import Editor
from panel_app.forms.spec import label_of
from panel_app.pages.data.browser import Browser
from panel_app.pages.data.fold import Fold

_OWN = ("data.root",)
"""Keys with a widget of their own."""


class Chooser:
    """Edits which data set is meant."""

    def __init__(
        self,
        sets: DataSets,
        editor: Editor,
        changed: Callable[[], None],
        token: Callable[[], str],
    ) -> None:
        """Build it.

        Args:
            sets: of the process.
            editor: holds the recipe; it tells of changes itself.
            changed: called when a person wants to see another data set.
            token: gives the user's own access token, for Volumes.
        """
        self._sets, self._token = sets, token
        self.browser: Browser | None = None
        self.editor, self._changed = editor, changed
        self._showing = False
        self.task = pmui.Select(
            label="Task",
            options={label_of(one): one for one in TASKS},
            value="detection",
            width=190,
            size="small",
        )
        self.reader = pmui.Select(
            label="Format",
            options={label_of(one): one for one in readers_of("detection")},
            value="coco",
            width=170,
            size="small",
        )
        self.root = pmui.TextInput(
            label="Folder of the data set",
            placeholder="/Volumes/main/vision/data/cells or a folder of this machine",
            sizing_mode="stretch_width",
            styles={"flex": "1 1 200px"},
            size="small",
        )
        self.browse = pmui.Button(label="Browse", icon="folder_open", variant="outlined")
        self.more = Fold("Settings", "settings", "data", editor, changed)
        self.task.param.watch(self._chosen_task, "value")
        self.reader.param.watch(self._chosen_reader, "value")
        self.root.param.watch(self._typed_root, "value")
        self.browse.on_click(self._browse)
        self.row = pn.FlexBox(
            self.task,
            self.reader,
            self.root,
            self.browse,
            self.more.button,
            sizing_mode="stretch_width",
            align_items="center",
            gap="4px 0",
        )
        self.view = pn.Column(self.row, self.more.view, sizing_mode="stretch_width")

    def show(self) -> None:
        """Show what the editor holds."""
        editor = self.editor
        values = editor.values
        task = editor.recipe.choices.get("task") or values.get("task.kind", "detection")
        reader = editor.recipe.choices.get("data") or values.get("data.reader", "digits")
        self._showing = True
        try:
            with pn.io.hold():
                if task in TASKS:
                    self.task.value = task
                    self.reader.options = {label_of(one): one for one in readers_of(task)}
                if reader in self.reader.options.values():
                    self.reader.value = reader
                is_own = reader != "digits"
                self.root.visible = self.browse.visible = is_own
                text = editor.drafts.get("data.root") or values.get("data.root") or ""
                if reader == values.get("data.reader"):
                    self.root.value = text
                fault = editor.faults().get("data.root", "")
                self.root.error_state = bool(fault)
                self.more.show([key for key in editor.keys("data") if key.path not in _OWN])
        finally:
            self._showing = False

    def _chosen_task(self, event: Any) -> None:
        if not self._showing:
            reader = str(self.reader.value or "digits")
            self._load(with_task(self.editor.recipe, event.new, reader, self.editor.options))

    def _chosen_reader(self, event: Any) -> None:
        if not self._showing and event.new in READERS:
            self._load(with_reader(self.editor.recipe, event.new))

    def _load(self, recipe: Any) -> None:
        sweeps = self.editor.sweeps
        self.editor.load(recipe)
        self.editor.sweeps = sweeps
        self._changed()

    def _browse(self, _event: Any) -> None:
        if self.browser is None:
            self.browser = Browser(self._sets, self._picked)
            self.browser.token = self._token
            self.view.append(self.browser.view)
        self.browser.open(self.root.value or "")

    def _typed_root(self, event: Any) -> None:
        if not self._showing and event.new != event.old:
            self._use(event.new.strip())

    def _picked(self, path: str) -> None:
        self._showing = True
        try:
            self.root.value = path
        finally:
            self._showing = False
        self._use(path)

    def _use(self, path: str) -> None:
        if path:
            self.editor.enter("data.root", path)
        else:
            self.editor.reset("data.root")
        self._changed()
