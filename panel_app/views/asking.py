"""A component whose browser side asks, and is answered by messages."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import panel as pn

from panel_app.tasks import Tasks


class Asking(pn.custom.JSComponent):
    """The page sets `asked`, which gets the browser's questions; `tell` answers."""

    __abstract = True

    def __init__(self, **params: Any) -> None:
        """Show nothing yet."""
        super().__init__(**params)
        self.asked: Callable[[dict[str, Any]], Coroutine[Any, Any, None]] | None = None
        self._tasks = Tasks()

    def _handle_msg(self, data: Any) -> None:
        if self.asked is not None and isinstance(data, dict):
            self._tasks.begin(self.asked(data))

    def tell(self, message: Mapping[str, Any]) -> None:
        """Send something to the browser; its script says which messages it knows."""
        self._send_msg(dict(message))
