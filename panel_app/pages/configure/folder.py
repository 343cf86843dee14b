"""Below the form of the data: choose its folder in a dialog, look at what is in it."""

from __future__ import annotations

from typing import Any

import panel as pn

from panel_app.context import Context
from panel_app.data.sets import of
from panel_app.forms.editor import Editor
from panel_app.forms.view import Action
from panel_app.navigation import PAGES
from panel_app.pages.data.browser import Browser

_ROOT = "data.root"


class Folder:
    """The buttons; the dialog is built when it is first opened."""

    def __init__(self, context: Context, editor: Editor) -> None:
        """Build it for the data that the editor holds."""
        self.context, self.editor = context, editor
        self._browser: Browser | None = None
        self.browse = Action(
            lambda _: self._open(), label="Browse for the folder", sizing_mode="fixed", margin=0
        )
        look = Action(
            lambda _: context.go("data", set=editor.query()),
            label="Explore this data",
            sizing_mode="fixed",
            visible="data" in PAGES,
            margin=(0, 0, 0, 10),
        )
        self.view = pn.Column(pn.Row(self.browse, look, margin=0), margin=(4, 0, 16, 0))

    def show(self) -> None:
        """Offer a folder where the format has one."""
        self.browse.visible = any(key.path == _ROOT for key in self.editor.keys("data"))

    def _open(self) -> None:
        if self._browser is None:
            self._browser = Browser(of(self.context.services), self._picked)
            self._browser.token = self.context.token
            # Open from the start: what changes right after it is put in may not reach the browser.
            self._browser.view.open = True
            self.view.append(self._browser.view)
        root: Any = self.editor.drafts.get(_ROOT) or self.editor.values.get(_ROOT)
        self._browser.open(str(root or ""))

    def _picked(self, path: str) -> None:
        self.editor.enter(_ROOT, path)
