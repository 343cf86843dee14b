"""Tells when the browser has put a page together.

A browser builds the views of a page piece by piece; children that a container gets meanwhile are lost
there (Bokeh connects a view's signals after building its children). Who adds children waits for this,
in a task of its own: a handler that waits holds the document's lock, and the browser's word with it.
"""

from __future__ import annotations

import asyncio
from typing import Any

import panel as pn

from panel_app.views.script import SAY

_LONGEST_S = 10.0


class Ready(pn.custom.JSComponent):
    """An empty mark at the end of a page; `wait` returns when the browser shows it."""

    _esm = (
        SAY
        + """
    export function render({model, view}) {
      speaker(model, view)("ready")
      return document.createElement("span")
    }
    """
    )

    def __init__(self, **params: Any) -> None:
        """Be shown by nobody yet."""
        super().__init__(**{"width": 0, "height": 0, "margin": 0, **params})
        self._event = asyncio.Event()

    async def wait(self) -> None:
        """Return when a browser shows the page; after ten seconds in any case."""
        try:
            await asyncio.wait_for(self._event.wait(), _LONGEST_S)
        except TimeoutError:
            self._event.set()

    def _handle_msg(self, data: Any) -> None:  # noqa: ARG002 (Panel's signature)
        self._event.set()
