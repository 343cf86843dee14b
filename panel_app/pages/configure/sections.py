"""The sections of the form: which groups stand together, each built when it is first shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import panel as pn

from cvcore.config.catalogue import catalogue
from cvcore.config.keys import Key, find
from panel_app.forms.editor import Editor
from panel_app.forms.spec import group_spec
from panel_app.forms.view import GroupForm
from panel_app.pages.configure.catalogue import Catalogue, rows
from panel_app.pages.configure.folder import Folder
from panel_app.rows import Row

SECTIONS: dict[str, tuple[str, tuple[str, ...]]] = {
    "model": ("Model", ("task", "model")),
    "data": ("Data", ("data",)),
    "augment": ("Augment", ("augment",)),
    "optim": ("Optimizer", ("optim",)),
    "trainer": ("Training", ("trainer",)),
    "compute": ("Compute", ("compute", "deepspeed")),
    "run": ("Run", ("run", "tracking", "registry", "serving", "monitoring")),
    "more": ("Overrides", ()),
}
"""Key of a section -> its label and its groups, in the order of the page."""

_WITH = {"run": ("seed",)}
"""Group -> keys outside every group that are shown with it."""


class Section:
    """The forms of some groups."""

    def __init__(
        self, groups: tuple[str, ...], editor: Editor, folder: Folder | None = None
    ) -> None:
        """Build the forms, with what the editor holds now.

        Args:
            groups: of the configuration.
            editor: of the session.
            folder: chooses the folder of the data, below the forms.
        """
        self.folder = folder
        self.editor = editor
        self.models: Catalogue | None = None
        self._listed: tuple[Any, ...] = ()
        self._runs: Sequence[Row] = ()
        self.forms = {group: GroupForm(self._said(group), margin=(0, 0, 18, 0)) for group in groups}
        parts: list[Any] = list(self.forms.values())
        if "model" in self.forms:
            self.models = Catalogue(self._chosen, margin=(0, 0, 16, 0))
            parts.insert(parts.index(self.forms["model"]), self.models)
        if folder is not None:
            parts.append(folder.view)
        self.view = pn.Column(*parts, sizing_mode="stretch_width", margin=(8, 0))
        self.show()

    def show(self) -> None:
        """Show what the editor holds; only what differs is sent."""
        editor = self.editor
        for group, form in self.forms.items():
            keys = [] if group == "task" else editor.keys(group)
            more = editor.keys("task") if group == "model" else _more(group)
            folders = editor.composer.search_path
            spec = group_spec(group, keys, editor.options.get(group, []), folders, more)
            if group == "model":
                spec["title"] = "Settings of the model and its metric"
            choice = editor.recipe.choices.get(group) or editor.choices.get(group, "")
            state = {"choice": choice, "fields": editor.state([*keys, *more])}
            if spec != form.spec:
                form.param.update(spec=spec, state=state)
            elif state != form.state:
                form.state = state
        if self.models is not None:
            self._show_models(self.models)
        if self.folder is not None:
            self.folder.show()

    def close(self) -> None:
        """Nothing is held."""

    def measured(self, runs: Sequence[Row]) -> None:
        """Show how fast these runs were, beside their models."""
        if self.models is not None and runs != self._runs:
            self._runs, self._listed = runs, ()
            self._show_models(self.models)

    def _show_models(self, table: Catalogue) -> None:
        editor = self.editor
        task = editor.recipe.choices.get("task") or editor.values.get("task.kind", "detection")
        chosen = editor.recipe.choices.get("model") or editor.choices.get("model", "")
        asked = (task, tuple(editor.options["model"]))
        if asked != self._listed:
            self._listed = asked
            table.models = rows(catalogue(task, editor.composer.search_path), self._runs)
        if not any(row["option"] == chosen for row in table.models):
            # `detection/_default`, or one of the task before: what it stands for now.
            chosen = next((row["option"] for row in table.models if row["is_default"]), "")
        table.value = chosen

    def _chosen(self, word: dict[str, Any]) -> None:
        if word.get("option") in self.editor.options["model"]:
            self.editor.choose("model", str(word["option"]))

    def _said(self, group: str) -> Callable[[dict[str, Any]], None]:
        def said(message: dict[str, Any]) -> None:
            if "choose" in message:
                option = str(message.get("option"))
                if option in self.editor.options.get(group, []):
                    self.editor.choose(group, option)
            elif "reset" in message:
                self.editor.reset(str(message["reset"]))
            elif "key" in message:
                self.editor.enter(str(message["key"]), str(message.get("text", "")))

        return said


def keys_of(section: str, editor: Editor) -> list[Key]:
    """Return the keys that a section shows."""
    groups = SECTIONS[section][1]
    own = [key for group in groups for key in editor.keys(group)]
    return own + [key for group in groups for key in _more(group)]


def _more(group: str) -> list[Key]:
    return [key for path in _WITH.get(group, ()) if (key := find(path))]


def nav_items(editor: Editor) -> list[dict[str, Any]]:
    """Return the tabs of the sections, with their faults and whether something is changed there."""
    faults, placed = editor.faults(), set()
    items = []
    for name, (label, groups) in SECTIONS.items():
        tops = {*groups, *(path for group in groups for path in _WITH.get(group, ()))}
        own = [key for key in faults if key.partition(".")[0] in tops]
        placed |= set(own)
        changed = any(key.partition(".")[0] in tops for key in editor.recipe.values) or any(
            group in editor.recipe.choices for group in groups
        )
        if name == "more":
            changed = bool(editor.recipe.extra or editor.sweeps)
        items.append(
            {"key": name, "label": label, "faults": len(own), "changed": changed},
        )
    return items
