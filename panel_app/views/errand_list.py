"""Errands on a page: what runs, how far it is, how it ended."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import param

from panel_app.errands.errands import Errands
from panel_app.errands.files import Errand, ErrandState
from panel_app.forms.view import STYLE, Speaking
from panel_app.rows import duration
from panel_app.tasks import Tasks

_HERE = Path(__file__).parent
_STAY_S = 1_800.0
_MOST = 6
_LABELS = {
    ErrandState.RUNNING: "running",
    ErrandState.DONE: "done",
    ErrandState.FAILED: "failed",
    ErrandState.CANCELED: "canceled",
    ErrandState.LOST: "lost",
}


class ErrandCards(Speaking):
    """Cards; it says {"cancel": id} or {"hide": id}."""

    items = param.List(default=[], doc="id, title, state, label, line, share, text, href of each.")

    _esm = _HERE / "errand_list.js"
    _stylesheets: ClassVar[list[str]] = [
        STYLE,
        (_HERE / "errand_list.css").read_text(encoding="utf-8"),
    ]


class ErrandList:
    """The errands of some kinds: those that run, and those that ended in the last half hour.

    Attributes:
        view: what is shown.
    """

    def __init__(
        self,
        errands: Errands,
        kinds: tuple[str, ...],
        told: Callable[[Errand], tuple[str, str]],
        ended: Callable[[Errand], Any],
    ) -> None:
        """Build it, still empty.

        Args:
            errands: of this machine.
            kinds: that are shown.
            told: says of one that is done what came of it, and where a link leads ("": nowhere).
            ended: is called once for each that ends after the first look; may be a coroutine function.
        """
        self.errands, self._kinds = errands, kinds
        self._told, self._ended = told, ended
        self._over: set[str] | None = None
        self._hidden: set[str] = set()
        self._tasks = Tasks()
        self.view = ErrandCards(self._act)

    async def refresh(self) -> None:
        """Look how they are."""
        found = await asyncio.to_thread(self.errands.all, *self._kinds)
        now = time.time()
        running = {one.id for one in found if one.state is ErrandState.RUNNING}
        # One may begin and end between two looks.
        before, self._over = self._over, {one.id for one in found} - running
        over = [] if before is None else [one for one in found if one.id in self._over - before]
        shown = [
            one
            for one in found
            if one.id in running or (now - one.ended_at < _STAY_S and one.id not in self._hidden)
        ]
        items = [self._item(one, now) for one in shown[:_MOST]]
        if items != self.view.items:
            self.view.items = items
        for one in over:
            answer = self._ended(one)
            if asyncio.iscoroutine(answer):
                await answer

    def close(self) -> None:
        """Wait for nothing any more."""
        self._tasks.close()

    def _item(self, one: Errand, now: float) -> dict[str, Any]:
        text, href = one.error, ""
        if one.state is ErrandState.DONE:
            text, href = self._told(one)
        elif one.state is ErrandState.CANCELED:
            text = "It was ended before it was done."
        took = (one.ended_at or now) - one.request.at
        words = [one.request.user, duration(max(took, 0.0))]
        if one.left_s is not None:
            words.append(f"about {duration(max(one.left_s, 1.0))} left")
        return {
            "id": one.id,
            "title": one.request.title,
            "state": str(one.state),
            "label": _LABELS[one.state],
            "line": one.line if one.state is ErrandState.RUNNING else "",
            "share": one.share,
            "about": " \u00b7 ".join(words),
            "text": text,
            "href": href,
        }

    def _act(self, word: dict[str, Any]) -> None:
        if "cancel" in word:
            work = asyncio.to_thread(self.errands.cancel, str(word["cancel"]))
        else:
            self._hidden.add(str(word.get("hide")))
            work = asyncio.sleep(0)
        self._tasks.begin(self._after(work))

    async def _after(self, work: Any) -> None:
        await work
        await self.refresh()
