"""How boxes and masks are drawn over an image, in the browser: one text for every component.

A component's own text can't import a file that stands beside it, so this one is put before it.
"""

from __future__ import annotations

from pathlib import Path

_DRAWING = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")


def with_overlay(component: Path) -> str:
    """Return the JavaScript of a component's file, with the functions of overlay.js before it."""
    return _DRAWING + component.read_text(encoding="utf-8")
