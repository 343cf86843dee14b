"""Images in a grid that scrolls over any number of them, and one of them large, with its truth.

The browser asks for the window it shows; boxes, polygons and masks are drawn there, so switching a
class on or off needs no server. Texts get into the page as text only, never as markup.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, ClassVar

import panel as pn
import param

from panel_app.views.overlay import with_overlay


class ImageGrid(pn.custom.JSComponent):
    """See this module; the page sets `asked`, which gets the browser's questions."""

    labels = param.List(default=[], doc="Classes: name, color [r, g, b], count.")
    total = param.Integer(default=0, doc="Images that were found.")
    generation = param.Integer(default=0, doc="Another one when other images were found.")
    kind = param.String(default="", doc="The task: which switches make sense.")
    hint = param.String(default="", doc="What is said where no image was found.")

    _esm = with_overlay(Path(__file__).with_suffix(".js"))
    _stylesheets: ClassVar[list[str]] = [
        Path(__file__).with_suffix(".css").read_text(encoding="utf-8")
    ]

    def __init__(self, **params: Any) -> None:
        """Show nothing yet."""
        super().__init__(**params)
        self.asked: Callable[[dict[str, Any]], Coroutine[Any, Any, None]] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def _handle_msg(self, data: Any) -> None:
        if self.asked is not None and isinstance(data, dict):
            task = asyncio.get_running_loop().create_task(self.asked(data))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def tell(self, message: Mapping[str, Any]) -> None:
        """Send something to the browser: a window, a detail, "close"."""
        self._send_msg(dict(message))
