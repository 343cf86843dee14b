"""An image with what one or two models say of it, drawn in the browser.

The score threshold, classes and the opacity of masks are switched there, without the server.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import panel as pn

from panel_app.views.script import script


class Answers(pn.custom.JSComponent):
    """See this module; `tell` sends all that is shown, `heard` gets {"type": "ready"} and "look"."""

    _esm = script(Path(__file__).with_suffix(".js"), drawing=True)
    _stylesheets: ClassVar[list[str]] = [
        Path(__file__).with_suffix(".css").read_text(encoding="utf-8")
    ]

    def __init__(self, heard: Callable[[dict[str, Any]], None], **params: Any) -> None:
        """Take whom to tell what the browser says."""
        super().__init__(**params)
        self._heard = heard

    def tell(self, message: Mapping[str, Any]) -> None:
        """Send what is shown.

        Args:
            message: "picture" {url, title, width, height} or None; "slots": of each model key,
                number (another one when it changed), name, title, words, bad, time, item (see
                `panel_app.playground.drawing`), answer; "threshold", to set it.
        """
        self._send_msg({"type": "state", **message})

    def _handle_msg(self, data: Any) -> None:
        if isinstance(data, dict):
            self._heard(data)
