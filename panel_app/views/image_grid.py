"""Images in a grid that scrolls over any number of them, and one of them large, with its truth.

The browser asks for the window it shows; boxes, polygons and masks are drawn there, so switching a
class on or off needs no server. Texts get into the page as text only, never as markup.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import param

from panel_app.views.asking import Asking
from panel_app.views.script import script


class ImageGrid(Asking):
    """See this module; the page sets `asked`, which gets the browser's questions."""

    labels = param.List(default=[], doc="Classes: name, color [r, g, b], count.")
    total = param.Integer(default=0, doc="Images that were found.")
    generation = param.Integer(default=0, doc="Another one when other images were found.")
    kind = param.String(default="", doc="The task: which switches make sense.")
    hint = param.String(default="", doc="What is said where no image was found.")

    _esm = script(Path(__file__).with_suffix(".js"), drawing=True)
    _stylesheets: ClassVar[list[str]] = [
        Path(__file__).with_suffix(".css").read_text(encoding="utf-8")
    ]
