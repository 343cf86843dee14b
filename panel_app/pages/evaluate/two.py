"""Two models on the same images: a paired test of the difference, and each image side by side."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import panel as pn
import panel_material_ui as pmui

from cvcore.errors import LakesightError
from panel_app.evaluate.find import worst_first
from panel_app.evaluate.items import Items
from panel_app.evaluate.pictures import Pictures
from panel_app.evaluate.study import Studies, Study
from panel_app.pages.base import notice
from panel_app.pages.evaluate import html
from panel_app.views.pair import Pair


class Two:
    """Chooses the second model and shows both."""

    def __init__(self, pictures: Pictures, studies: Studies, changed: Callable[[], None]) -> None:
        """Build it, empty.

        Args:
            pictures: makes addresses of images.
            studies: opens evaluations.
            changed: called when the address must say something else.
        """
        self._pictures, self._studies, self._changed = pictures, studies, changed
        self.with_key = ""
        self._first: Study | None = None
        self._title = ""
        self._items: tuple[Items, Items] | None = None
        self._places: list[int] = []
        self._is_setting = False
        self._task: asyncio.Task[None] | None = None
        self.other: Any = pmui.Select(label="Second model", options={}, width=560, size="small")
        self.words = pn.Column(sizing_mode="stretch_width")
        self.test = pn.pane.HTML("", sizing_mode="stretch_width", margin=(8, 10))
        self.pair = Pair(sizing_mode="stretch_width", margin=(8, 10))
        self.pair.asked = self._asked
        self.other.param.watch(self._chosen, "value")
        self.view = pn.Column(
            self.other, self.words, self.test, self.pair, sizing_mode="stretch_width"
        )

    async def show(self, first: Study, title: str, others: Mapping[str, str], key: str) -> None:
        """Offer evaluations to compare with.

        Args:
            first: the evaluation that the page shows.
            title: of its model.
            others: of the same split and task: title -> key.
            key: of the one to begin with; "": the first of them.
        """
        self._first, self._title = first, title
        self._is_setting = True
        self.other.options = dict(others)
        chosen = key if key in others.values() else next(iter(others.values()), None)
        self.other.value = chosen
        self._is_setting = False
        self.other.visible = chosen is not None
        if chosen is None:
            self.with_key = self.test.object = ""
            self.pair.total = 0
            split = first.summary["split"]
            self.words.objects = [
                notice(
                    "There is nothing to compare with",
                    f"Another model of the same task needs an evaluation on {split}: train one, or choose it "
                    "above and press New evaluation.",
                )
            ]
            return
        await self._open(chosen)

    def close(self) -> None:
        """Let go of what is under way."""
        if self._task is not None:
            self._task.cancel()
        self.pair.asked = None

    def _chosen(self, event: Any) -> None:
        if not self._is_setting and event.new:
            self._task = asyncio.get_running_loop().create_task(self._open(event.new))

    async def _open(self, key: str) -> None:
        first = self._first
        if first is None:
            return
        self.with_key = key
        self.words.objects = []
        self.test.object = "Comparing ..."
        try:
            second = await asyncio.to_thread(self._studies.open, key)
            found = await asyncio.to_thread(first.against, second)
            places = await asyncio.to_thread(worst_first, first)
        except LakesightError as error:
            self.test.object = ""
            self.pair.total = 0
            self.words.objects = [notice("These two can't be compared", str(error), "warning")]
            self._changed()
            return
        self.test.object = html.differences(found, str(first.summary["primary"]))
        self._items = (Items(self._pictures, first), Items(self._pictures, second))
        self._places = places.tolist()
        self.pair.param.update(
            labels=self._items[0].labels(),
            titles=[f"First, {self._title}", f"Second, {self._named(key)}"],
            total=len(self._places),
            generation=self.pair.generation + 1,
        )
        self._changed()

    def _named(self, key: str) -> str:
        return next((title for title, one in self.other.options.items() if one == key), "")

    async def _asked(self, message: dict[str, Any]) -> None:
        items, at = self._items, int(message.get("pair", -1))
        generation = self.pair.generation
        if (
            items is None
            or not 0 <= at < len(self._places)
            or message.get("generation") != generation
        ):
            return
        place = self._places[at]
        made = [await asyncio.to_thread(one.large, place) for one in items]
        self.pair.tell(
            {
                "generation": generation,
                "at": at,
                "items": made,
                "said": "worst of the first model first",
            }
        )
