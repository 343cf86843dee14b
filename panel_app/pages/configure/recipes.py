"""Recipes on the page: save, load, earlier versions, delete, import."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import param

from cvcore.config.composer import Composer
from cvcore.errors import ConfigError
from panel_app.forms.editor import Editor
from panel_app.forms.files import from_yaml
from panel_app.forms.recipe import Recipe
from panel_app.forms.shelf import Listed, Shelf
from panel_app.forms.view import STYLE, Speaking
from panel_app.tasks import Tasks

_HERE = Path(__file__).parent


class RecipeBar(Speaking):
    """A line above the form that says which recipe is edited, and what can be done with it."""

    title = param.String(default="", doc="Of the recipe that is edited; empty: none.")
    state = param.String(default="", doc="Whether it is changed.")
    folder = param.String(default="", doc="Where recipes go.")
    taken = param.String(
        default="", doc="The title that a save was refused for: it may be replaced."
    )
    said = param.Dict(default={}, doc="kind (done, stay, error) and text of the last answer.")
    listed = param.Boolean(default=False, doc="Whether `recipes` was read.")
    recipes = param.List(default=[], doc="title, about, own, versions of each.")

    _esm = _HERE / "recipes.js"
    _stylesheets: ClassVar[list[str]] = [
        STYLE,
        (_HERE / "recipes.css").read_text(encoding="utf-8"),
    ]


class Recipes:
    """What the bar's buttons do."""

    def __init__(self, editor: Editor, named: Callable[[str], None]) -> None:
        """Build the bar.

        Args:
            editor: whose recipe it is.
            named: told the title of the recipe that is edited from now on.
        """
        self.editor, self._named = editor, named
        self.title = ""
        self._saved: list[str] | None = None
        self._tasks = Tasks()
        self.bar = RecipeBar(self._act, margin=(0, 0, 14, 0))

    def show(self) -> None:
        """Say whether what is edited is saved."""
        overrides = self.editor.recipe.to_overrides()
        changed = overrides != self._saved if self._saved is not None else bool(overrides)
        if self.editor.drafts or self.editor.sweeps:
            changed = True
        words = ("changed since it was saved" if changed else "saved") if self.title else ""
        if not self.title and changed:
            words = "not saved"
        self.bar.param.update(title=self.title, state=words)

    async def load(self, title: str, number: int = 0) -> None:
        """Edit a recipe.

        Raises:
            ConfigError: there is none, or it can't be understood.
        """
        shelf = Shelf(self.editor.composer)
        recipe = await asyncio.to_thread(shelf.load, title, number)
        self._saved = None if number else recipe.to_overrides()
        self.title = title if shelf.is_own(title) else ""
        if not self.title:
            self._saved = None
        self.editor.load(recipe)
        self._named(self.title)

    def name(self, title: str) -> None:
        """Say of which recipe the draft of an address is."""
        self.title, self._saved = title, []

    async def compare(self) -> None:
        """Find out whether what is edited is as the recipe's file has it."""
        if not self.title:
            return
        shelf = Shelf(self.editor.composer)
        try:
            recipe = await asyncio.to_thread(shelf.load, self.title)
        except ConfigError:
            self.title, self._saved = "", None
        else:
            self._saved = recipe.to_overrides()

    def close(self) -> None:
        """Drop what is under way."""
        self._tasks.close()

    def _act(self, message: dict[str, Any]) -> None:
        self._tasks.begin(self._answered(message))

    async def _answered(self, message: dict[str, Any]) -> None:
        try:
            text = await self._do(message)
        except ConfigError as error:
            self._say("error", str(error))
            return
        if text:
            # After a delete the list stays open.
            self._say("stay" if "delete" in message else "done", text)

    def _say(self, kind: str, text: str) -> None:
        # The same words again are news too.
        self.bar.said = {"kind": kind, "text": text, "at": self.bar.said.get("at", 0) + 1}

    async def _do(self, message: dict[str, Any]) -> str:
        shelf = Shelf(self.editor.composer)
        self.bar.folder = str(shelf.folder)
        if "list" in message:
            await self._list(shelf)
            return ""
        if "anew" in message:
            self.title, self._saved = "", None
            self._named("")
            self.editor.load(Recipe())
            return "Started anew."
        if "load" in message:
            number = int(message.get("number") or 0)
            title = str(message["load"])
            await self.load(title, number)
            return f"Loaded {title}" + (f", version {number}." if number else ".")
        if "save" in message:
            return await self._save(shelf, str(message["save"]), bool(message.get("replace")))
        if "delete" in message:
            title = str(message["delete"])
            await asyncio.to_thread(shelf.remove, title)
            if title == self.title:
                self.title, self._saved = "", None
                self._named("")
            self.editor.live.forget()
            await self._list(shelf)
            return f"Deleted {title}. Its last version stays in the folder _history."
        if "import" in message:
            recipe = await asyncio.to_thread(from_yaml, str(message["import"]), self.editor.options)
            self.title, self._saved = "", None
            self._named("")
            self.editor.load(recipe)
            return "Imported."
        return ""

    async def _save(self, shelf: Shelf, title: str, is_replaced: bool) -> str:
        editor = self.editor
        if editor.drafts:
            raise ConfigError("A field holds what is no value. Mend it, then save.")
        if editor.sweeps:
            raise ConfigError(
                f"A recipe is one run, and this is a sweep: {', '.join(editor.sweeps)}. Remove it in "
                "Overrides, then save."
            )
        recipe = editor.recipe
        if editor.is_settled and editor.composed.values:
            # Only what changes something: values that wait for another option stay out of the file.
            recipe = Recipe.from_overrides(editor.composed.overrides, editor.options)
        try:
            path = await asyncio.to_thread(shelf.save, recipe, title, is_replaced=is_replaced)
        except ConfigError as error:
            self.bar.taken = title if " exists." in str(error) else ""
            raise
        self.bar.taken = ""
        self.title, self._saved = title, editor.recipe.to_overrides()
        if path.parents[1] not in editor.composer.search_path:
            editor.use(await asyncio.to_thread(Composer))
        editor.live.forget()
        self._named(title)
        return f"Saved. On the command line: lakesight train experiment={title}"

    async def _list(self, shelf: Shelf) -> None:
        found = await asyncio.to_thread(shelf.entries)
        self.bar.param.update(listed=True, recipes=[_row(one) for one in found])


def _row(one: Listed) -> dict[str, Any]:
    versions = [{"number": v.number, "saved_at": v.saved_at} for v in one.versions]
    return {"title": one.title, "about": one.about, "own": one.is_own, "versions": versions}
