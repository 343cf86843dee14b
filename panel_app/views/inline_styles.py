"""Panel's own style sheets as data URLs, for a page that has no server to ask: a notebook's.

`inline=True` of `pn.extension` keeps scripts from Panel's public copy, but each widget still names its
style sheets there. Panel has no switch for these, so they change where Bokeh makes them.
"""

from __future__ import annotations

import base64
import mimetypes
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

from bokeh.models.css import ImportedStyleSheet
from panel.io.resources import CDN_DIST, DIST_DIR

_BESIDE = re.compile(r"""url\(['"]?(\.\./[^'")]+)['"]?\)""")


def inline_styles() -> None:
    """Let every style sheet that Panel would ask from its public copy hold its text instead."""
    if not hasattr(ImportedStyleSheet.__init__, "__wrapped__"):
        ImportedStyleSheet.__init__ = _inlined(ImportedStyleSheet.__init__)  # type: ignore[method-assign]


def _inlined(init: Any) -> Any:
    def made(self: ImportedStyleSheet, *args: Any, **kwargs: Any) -> None:
        if str(kwargs.get("url", "")).startswith(CDN_DIST):
            kwargs["url"] = _held(kwargs["url"])
        init(self, *args, **kwargs)

    made.__wrapped__ = init  # type: ignore[attr-defined]
    return made


@lru_cache
def _held(url: str) -> str:
    """Return the sheet at an address of the public copy as a data URL; the address if it isn't installed."""
    file = Path(DIST_DIR) / url.removeprefix(CDN_DIST).partition("?")[0]
    if not file.is_file():
        return url
    text = _BESIDE.sub(lambda beside: f'url("{_data(file.parent / beside[1])}")', file.read_text())
    return _as_data("text/css", text.encode())


def _data(file: Path) -> str:
    if not file.is_file():
        return ""
    return _as_data(mimetypes.guess_type(file.name)[0] or "", file.read_bytes())


def _as_data(content_type: str, body: bytes) -> str:
    return f"data:{content_type};base64,{base64.b64encode(body).decode()}"
