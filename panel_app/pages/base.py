"""What every page is, and the two blocks that all use: a heading and a notice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import panel as pn
import panel_material_ui as pmui

from launch.base import RunState
from panel_app.safe import safe

COLOURS = {
    RunState.PENDING: "#5b6b71",
    RunState.QUEUED: "#8a6d1d",
    RunState.RUNNING: "#1769c4",
    RunState.SUCCEEDED: "#217a3c",
    RunState.FAILED: "#c0362c",
    RunState.CANCELED: "#6b6f76",
    RunState.LOST: "#8e4a9e",
}
"""State -> colour of its chip; white text is readable on each."""


class Page(Protocol):
    """A page of one session. It is built once, empty, and kept; its address may change.

    One that holds something while it is shown has `leave()` too, called when another one is; `open`
    follows when somebody comes back.

    Attributes:
        view: what is shown.
        heading: title of the browser's tab.
        period_ms: how often `refresh` is called while the page is shown.
    """

    view: Any
    heading: str
    period_ms: int

    async def open(self, values: Mapping[str, str]) -> None:
        """Show what an address asks for: called each time that somebody comes here."""
        ...

    async def refresh(self) -> None:
        """Read again what may have changed; called by the clock, never twice at once."""
        ...

    def close(self) -> None:
        """Let go of what outlives the session: subscriptions, processes, files."""
        ...


def chip(state: RunState) -> str:
    """Return the HTML of a state's chip."""
    return (
        f'<span style="background:{COLOURS[state]};color:#fff;border-radius:99px;padding:2px 10px;'
        f'font-size:12px;font-weight:600;letter-spacing:.02em">{state}</span>'
    )


def heading(text: str, under: str = "") -> Any:
    """Return a page's heading; both texts are escaped."""
    return pmui.Column(
        pmui.Typography(safe(text), variant="h4", sx={"fontWeight": 650}),
        *([pmui.Typography(safe(under), variant="body2", sx={"opacity": 0.75})] if under else []),
        margin=(4, 0, 8, 0),
    )


def notice(title: str, text: str, severity: str = "info") -> Any:
    """Return a block of words: the title is text anyway, what is below it is escaped."""
    return pmui.Alert(
        title=title,
        object=safe(text),
        severity=severity,
        closeable=False,
        sizing_mode="stretch_width",
        margin=(8, 0),
    )


def panel(*parts: Any) -> Any:
    """Return a form's box: a border around what belongs together."""
    return pn.Column(
        *parts,
        sizing_mode="stretch_width",
        styles={
            "padding": "16px 18px",
            "border-radius": "12px",
            "border": "1px solid color-mix(in srgb, currentColor 20%, transparent)",
            "background": "var(--panel-surface-color)",
        },
        margin=(6, 10, 14, 10),
    )
