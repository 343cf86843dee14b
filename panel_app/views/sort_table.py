"""A table whose columns sort when their heading is clicked; a row may lead somewhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import panel as pn
import param

from panel_app.views.script import script

_CSS = Path(__file__).with_suffix(".css").read_text(encoding="utf-8")


class SortTable(pn.custom.JSComponent):
    """Texts and numbers in rows; sorting is the browser's."""

    heads = param.List(default=[], doc="Of the columns; the first one is the rows' heading.")
    rows = param.List(default=[], doc="Lists of texts, numbers, or None for what is not defined.")
    digits = param.Integer(default=3, doc="Of numbers that are not whole.")
    caption = param.String(default="", doc="What it is, for who can't see it.")
    leads = param.String(default="", doc="What a click on a row does, in words; empty: nothing.")
    empty = param.String(default="There is nothing to list.", doc="Said in place of no row.")

    _esm = script(Path(__file__).with_suffix(".js"))
    _stylesheets: ClassVar[list[str]] = [_CSS]

    def __init__(self, picked: Callable[[str], None] | None = None, **params: Any) -> None:
        """Build it.

        Args:
            picked: told the heading of the row that was clicked.
            params: as above.
        """
        super().__init__(**params)
        self.picked = picked

    def _handle_msg(self, data: Any) -> None:
        if self.picked is not None and isinstance(data, dict) and "row" in data:
            self.picked(str(data["row"]))
