"""Text to copy: a command, a configuration."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import panel as pn
import param

from panel_app.forms.view import STYLE

_HERE = Path(__file__).parent


class Code(pn.custom.JSComponent):
    """A text with a button that copies it. The text is never markup."""

    text = param.String(default="", doc="What is shown and copied.")
    label = param.String(default="", doc="What it is, for the button and screen readers.")
    language = param.String(default="text", doc="How it is coloured: text or yaml.")
    height_px = param.Integer(default=0, doc="Most of its height; 0: as it needs, pixels.")

    _esm = _HERE / "code.js"
    _stylesheets: ClassVar[list[str]] = [STYLE, (_HERE / "code.css").read_text(encoding="utf-8")]
