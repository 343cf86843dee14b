"""The same image twice, side by side: what one model says of it, and what another does."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import param

from panel_app.views.asking import Asking
from panel_app.views.script import script


class Pair(Asking):
    """Shows one pair at a time; the browser asks for the next one through `asked`."""

    labels = param.List(default=[], doc="Names and colours of what is drawn.")
    titles = param.List(default=["", ""], doc="Of the two models.")
    total = param.Integer(default=0, doc="Images.")
    generation = param.Integer(default=0, doc="Another one when other models were chosen.")

    _esm = script(Path(__file__).with_suffix(".js"), drawing=True)
    _stylesheets: ClassVar[list[str]] = [
        Path(__file__).with_suffix(".css").read_text(encoding="utf-8")
    ]
