"""The JavaScript of a component: its text can't import what stands beside it, so that is put before it."""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).parent
SAY = (_HERE / "say.js").read_text(encoding="utf-8")
"""`speaker(model, view)` returns how to speak to the server."""

_DRAWING = (_HERE / "overlay.js").read_text(encoding="utf-8")


def script(component: Path, *, drawing: bool = False) -> str:
    """Return the text of a component's file, with `speaker` before it.

    Args:
        component: the file.
        drawing: with the functions of overlay.js too, which draw boxes and masks over an image.
    """
    return SAY + (_DRAWING if drawing else "") + component.read_text(encoding="utf-8")
