"""The same image twice, side by side: what one model says of it, and what another does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, ClassVar

import panel as pn
import param

from panel_app.views.overlay import with_overlay


class Pair(pn.custom.JSComponent):
    """Shows one pair at a time; the browser asks for the next one through `asked`."""

    labels = param.List(default=[], doc="Names and colours of what is drawn.")
    titles = param.List(default=["", ""], doc="Of the two models.")
    total = param.Integer(default=0, doc="Images.")
    generation = param.Integer(default=0, doc="Another one when other models were chosen.")

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
        """Send a pair to the browser."""
        self._send_msg(dict(message))
