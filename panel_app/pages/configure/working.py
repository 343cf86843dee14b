"""A button that starts something long in a process of its own, with progress and cancel."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from typing import Any

import panel as pn
import panel_material_ui as pmui

from panel_app.forms.view import Action
from panel_app.pages.configure.child import Child
from panel_app.safe import safe


class Working:
    """The start and cancel buttons and the progress of a command; one at a time.

    Attributes:
        line: shown while it runs, before the seconds.
        share: of the work that is done, 0..1; None: not known.
    """

    def __init__(self, label: str, begin: Callable[[], Any]) -> None:
        """Build it.

        Args:
            label: of the start button.
            begin: an async function, called when it is pressed.
        """
        self.child = Child()
        self.line = ""
        self.share: float | None = None
        self._label, self._begin = label, begin
        self._is_busy = False
        self._task: asyncio.Task[None] | None = None
        self.start = Action(self._started, label=label, margin=0, sizing_mode="fixed")
        self.stop = Action(
            self._stopped, label="Cancel", kind="text", visible=False, sizing_mode="fixed"
        )
        self.bar = pmui.LinearProgress(
            active=True, variant="indeterminate", sizing_mode="stretch_width", visible=False,
            margin=(10, 0, 4, 0),
        )  # fmt: skip
        self.told = pn.pane.HTML("", visible=False, margin=0)
        self.view = pn.Column(
            pn.Row(self.start, self.stop, margin=0),
            self.bar,
            self.told,
            sizing_mode="stretch_width",
            margin=(4, 0, 10, 0),
        )

    async def run(
        self, words: Sequence[str], on_line: Callable[[str], None] = lambda _: None
    ) -> tuple[int, str, str]:
        """Run a command; see `Child.run`. The seconds count while it runs."""
        began = time.monotonic()
        clock = asyncio.ensure_future(self._count(began))
        try:
            return await self.child.run(words, on_line)
        finally:
            clock.cancel()

    def close(self) -> None:
        """End what runs."""
        self.child.cancel()

    def _started(self, _word: dict[str, Any]) -> None:
        if not self._is_busy:
            self._is_busy = True
            self._task = asyncio.get_running_loop().create_task(self._go())

    async def _go(self) -> None:
        with pn.io.hold():
            self.start.disabled = True
            self.stop.visible = self.bar.visible = self.told.visible = True
        try:
            await self._begin()
        finally:
            self._is_busy = False
            with pn.io.hold():
                self.start.disabled = False
                self.stop.visible = self.bar.visible = self.told.visible = False

    def _stopped(self, _word: dict[str, Any]) -> None:
        self.line = "Ending ..."
        self.child.cancel()

    async def _count(self, began: float) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            while True:
                self.told.object = (
                    '<span style="font-size:13px;opacity:.8" role="status">'
                    f"{safe(self.line)} {time.monotonic() - began:.0f} s</span>"
                )
                if self.share is not None:
                    self.bar.param.update(variant="determinate", value=round(100 * self.share))
                await asyncio.sleep(1)
