"""The images of an evaluation: found, wrong, missed; truth and prediction over each other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import panel as pn
import panel_material_ui as pmui
from numpy.typing import NDArray

from cvcore.errors import LakesightError
from panel_app.evaluate.find import OBJECT_KINDS, OTHER_KINDS, Wanted, find
from panel_app.evaluate.items import Items
from panel_app.evaluate.pictures import MODES, Pictures
from panel_app.evaluate.study import Study
from panel_app.pages.base import notice
from panel_app.tasks import Tasks
from panel_app.views.image_grid import ImageGrid

_ANY = "any class"


class Images:
    """Filter and grid."""

    def __init__(self, pictures: Pictures, changed: Callable[[], None]) -> None:
        """Build it, empty.

        Args:
            pictures: makes addresses of images.
            changed: called when the address must say something else.
        """
        self._pictures, self._changed = pictures, changed
        self._study: Study | None = None
        self._items: Items | None = None
        self._places: NDArray[np.int64] = np.empty(0, np.int64)
        self._showing = False
        self._tasks = Tasks()
        self.cell: tuple[int, int] | None = None
        self.kind: Any = pmui.Select(
            label="Images with", options=OBJECT_KINDS, width=230, size="small"
        )
        self.label: Any = pmui.Select(label="Of class", options=[_ANY], width=200, size="small")
        self.mode: Any = pmui.Select(label="Draw", options=MODES, width=150, size="small")
        self.chosen: Any = pmui.Chip("", icon="close", visible=False, margin=(14, 10))
        self.number = pmui.Typography("", variant="body2", margin=(14, 10))
        self.words = pn.Column(sizing_mode="stretch_width")
        self.grid = ImageGrid(sizing_mode="stretch_width")
        self.grid.asked = self._asked
        for widget in (self.kind, self.label, self.mode):
            widget.param.watch(self._filtered, "value")
        self.chosen.on_click(self._uncell)
        self.view = pn.Column(
            pn.FlexBox(
                self.kind,
                self.label,
                self.mode,
                self.chosen,
                self.number,
                align_items="center",
                gap="4px 2px",
                margin=(10, 0, 6, 0),
                sizing_mode="stretch_width",
            ),
            self.words,
            self.grid,
            sizing_mode="stretch_width",
        )

    async def show(self, study: Study, values: Mapping[str, str]) -> None:
        """Show an evaluation's images, filtered as an address says."""
        self._study = study
        self._items = Items(self._pictures, study)
        kinds = OBJECT_KINDS if study.coco is not None else OTHER_KINDS
        names = study.labels.names
        self._showing = True
        try:
            self.kind.options = kinds
            wanted = values.get("what", "")
            self.kind.value = wanted if wanted in kinds.values() else ""
            self.label.options = [_ANY, *names]
            self.label.value = values.get("class", _ANY) if values.get("class") in names else _ANY
            self.mode.visible = study.coco is None and "segmentation" in study.task
            self.cell = _cell(values.get("cell", ""), len(names) + (study.coco is not None))
        finally:
            self._showing = False
        await self._find()

    def choose(self, kind: str = "", label: str = "", cell: tuple[int, int] | None = None) -> None:
        """Set the filter, before `show` or after it."""
        self._showing = True
        try:
            self.kind.value = kind if kind in self.kind.options.values() else ""
            self.label.value = label if label in self.label.options else _ANY
            self.cell = cell
        finally:
            self._showing = False
        self._filtered(None)

    def values(self) -> dict[str, str]:
        """Return what the address says of this part."""
        return {
            "what": self.kind.value or "",
            "class": "" if self.label.value == _ANY else str(self.label.value),
            "cell": "" if self.cell is None else f"{self.cell[0]}-{self.cell[1]}",
        }

    def close(self) -> None:
        """Let go of what is under way."""
        self._tasks.close()
        self.grid.asked = None

    def _wanted(self) -> Wanted:
        study = self._study
        names = [] if study is None else study.labels.names
        label = names.index(self.label.value) if self.label.value in names else None
        return Wanted(self.kind.value or "", label, self.cell)

    async def _find(self) -> None:
        study, items = self._study, self._items
        if study is None or items is None:
            return
        items.mode = self.mode.value
        wanted = self._wanted()
        try:
            self._places = await asyncio.to_thread(find, study, wanted)
            # Unpacked once, here, so that the grid does not wait for it without a word.
            await asyncio.to_thread(lambda: (study.true, study.predicted))
        except LakesightError as error:
            self.words.objects = [notice("The images can't be listed", str(error), "warning")]
            return
        self.words.objects = []
        names = [*study.labels.names, "(nothing)"]
        self.chosen.visible = self.cell is not None
        if self.cell is not None:
            true, predicted = self.cell
            self.chosen.label = f"truth {names[true]}, prediction {names[predicted]}"
        total, of = len(self._places), len(study.image_ids)
        order = "the worst first" if wanted == Wanted() else "those with the most first"
        self.number.object = f"{total:,} of {of:,} images, {order}"
        self.grid.param.update(
            kind=study.task,
            labels=items.labels(),
            total=total,
            generation=self.grid.generation + 1,
            hint="No image shows this. Choose All images to see every one.",
        )

    def _filtered(self, _event: Any) -> None:
        if self._showing:
            return
        self._tasks.begin(self._find())
        self._changed()

    def _uncell(self, _event: Any) -> None:
        self.cell = None
        self._filtered(None)

    async def _asked(self, message: dict[str, Any]) -> None:
        generation, items = self.grid.generation, self._items
        if items is None or message.get("generation") != generation:
            return
        if message.get("type") == "window":
            start, count = max(0, int(message["start"])), min(200, int(message["count"]))
            places = self._places[start : start + count].tolist()
            made = await asyncio.to_thread(items.small, places)
            if generation == self.grid.generation:
                self.grid.tell(
                    {"type": "window", "generation": generation, "start": start, "items": made}
                )
        elif message.get("type") == "detail":
            at = int(message.get("index", -1))
            if 0 <= at < len(self._places):
                made_one = await asyncio.to_thread(items.large, int(self._places[at]))
                self.grid.tell({"type": "detail", "item": {**made_one, "index": at}})


def _cell(text: str, num: int) -> tuple[int, int] | None:
    true, _, predicted = text.partition("-")
    if not (true.isdecimal() and predicted.isdecimal()):
        return None
    found = int(true), int(predicted)
    return found if max(found) < num else None
