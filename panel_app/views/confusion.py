"""A confusion matrix whose cells can be opened."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import panel as pn
import param

from panel_app.views.script import script


class Confusion(pn.custom.JSComponent):
    """Rows are the truth, columns the prediction; a click on a cell is told to `picked`."""

    names = param.List(default=[], doc="Of rows and columns.")
    cells = param.List(default=[], doc="[true, predicted, count]; zeros are left out.")
    unit = param.String(default="", doc="What is counted.")

    _esm = script(Path(__file__).with_suffix(".js"))
    _stylesheets: ClassVar[list[str]] = [
        Path(__file__).with_suffix(".css").read_text(encoding="utf-8")
    ]

    def __init__(self, picked: Callable[[int, int], None], **params: Any) -> None:
        """Build it, empty."""
        super().__init__(**params)
        self._picked = picked

    def _handle_msg(self, data: Any) -> None:
        if isinstance(data, dict) and isinstance(data.get("cell"), list):
            true, predicted = data["cell"]
            self._picked(int(true), int(predicted))
