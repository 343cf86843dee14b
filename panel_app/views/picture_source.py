"""Where an image comes from: a file, a web address, a sample, the webcam."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, ClassVar

import panel as pn
import param

from panel_app.tasks import Tasks
from panel_app.views.script import script


class PictureSource(pn.custom.JSComponent):
    """See this module.

    `asked` gets {"type": "image", "name", "data" (base64)}, {"type": "url", "url"}, {"type": "sample",
    "row"} and {"type": "ready"}.
    """

    max_bytes = param.Integer(default=0, doc="Of an image.")
    samples = param.Dict(default={}, doc="items [{url, row, name}] and words in their place.")
    told = param.Dict(default={}, doc="text, and whether it is bad news.")
    closed = param.Integer(default=0, doc="Grows when the page is left: the webcam is given back.")

    _esm = script(Path(__file__).with_suffix(".js"))
    _stylesheets: ClassVar[list[str]] = [
        Path(__file__).with_suffix(".css").read_text(encoding="utf-8")
    ]

    def __init__(
        self, asked: Callable[[dict[str, Any]], Coroutine[Any, Any, None]], **params: Any
    ) -> None:
        """Take whom to tell what a person gave."""
        super().__init__(**params)
        self._asked = asked
        self._count = 0
        self._tasks = Tasks()

    def say(self, text: str, *, bad: bool = False) -> None:
        """Show a sentence below; "" takes it away."""
        self._count += 1
        self.told = {"text": text, "bad": bad, "number": self._count}

    def close(self) -> None:
        """Drop what is under way."""
        self._tasks.close()

    def _handle_msg(self, data: Any) -> None:
        if isinstance(data, dict):
            self._tasks.begin(self._asked(data))
