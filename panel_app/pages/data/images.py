"""The images of a data set: filters above, a grid that asks for what it shows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import panel as pn
import panel_material_ui as pmui
from numpy.typing import NDArray

from panel_app.data.index import Filter
from panel_app.data.items import Items
from panel_app.pages.data.opened import Opened
from panel_app.views.image_grid import ImageGrid

_ALL = "all"
_NARROW: dict[str, Any] = {"width": 112, "size": "small"}
KEYS = ("split", "class", "text", "min", "max", "faults", "image")
"""Of the address."""


class Images:
    """Filters and grid."""

    def __init__(self, changed: Callable[[], None]) -> None:
        """Build it, still empty.

        Args:
            changed: called when the address must say something else.
        """
        self._changed = changed
        self._opened: Opened | None = None
        self._items: Items | None = None
        self._rows: NDArray[np.int32] = np.empty(0, np.int32)
        self._showing = False
        self._image = ""
        self._wants_image = ""
        self._is_ready = False
        self._task: asyncio.Task[None] | None = None
        self.split = pmui.Select(label="Split", options=[_ALL], value=_ALL, width=140, size="small")
        self.classes = pmui.MultiChoice(label="Class", options=[], width=220, visual_size="small")
        self.text = pmui.TextInput(label="File name contains", width=180, size="small")
        self.least = pmui.TextInput(label="Objects min", placeholder="any", **_NARROW)
        self.most = pmui.TextInput(label="Objects max", placeholder="any", **_NARROW)
        self.faulty = pmui.Checkbox(label="With findings", value=False, margin=(10, 10))
        self.clear = pmui.Button(label="Clear", variant="text", margin=(8, 4))
        self.number = pmui.Typography("", variant="body2", margin=(14, 10))
        self.grid = ImageGrid(sizing_mode="stretch_width")
        self.grid.asked = self._asked
        for widget, name in (
            (self.split, "value"),
            (self.classes, "value"),
            (self.text, "value_input"),
            (self.least, "value_input"),
            (self.most, "value_input"),
            (self.faulty, "value"),
        ):
            widget.param.watch(self._filtered, name)
        self.clear.on_click(self._cleared)
        self.view = pn.Column(
            pn.FlexBox(
                self.split,
                self.classes,
                self.text,
                self.least,
                self.most,
                self.faulty,
                self.clear,
                self.number,
                align_items="center",
                gap="4px 2px",
                margin=(14, 0, 6, 0),
                sizing_mode="stretch_width",
            ),
            self.grid,
            sizing_mode="stretch_width",
        )

    async def show(self, opened: Opened, values: Mapping[str, str]) -> None:
        """Show a data set's images, filtered as an address says."""
        index, inspection = opened.index, opened.inspection
        self._opened = opened
        self._items = Items(opened.sets, opened.choice, index, inspection)
        names = index.labels.names
        by_pixels = index.kind == "semantic_segmentation" and not index.class_counts.any()
        can_find = not by_pixels or (inspection is not None and inspection.mask_classes is not None)
        self._showing = True
        try:
            splits = {f"{name} ({index.count(name):,})": name for name in index.splits}
            self.split.options = {"all": _ALL, **splits}
            split = values.get("split", "")
            self.split.value = split if split in index.splits else _ALL
            self.classes.options = names
            wanted = [name for name in values.get("class", "").split("\n") if name in names]
            self.classes.value = wanted if can_find else []
            self.classes.disabled = not can_find
            self.classes.label = "Class" if can_find else "Class (inspect the data first)"
            text = values.get("text", "")
            self.text.param.update(value=text, value_input=text)
            for widget, key in ((self.least, "min"), (self.most, "max")):
                given = values.get(key, "")
                widget.param.update(value=given, value_input=given)
            counted = index.kind not in ("classification", "semantic_segmentation")
            self.least.visible = self.most.visible = counted
            self.faulty.visible = inspection is not None
            self.faulty.value = inspection is not None and values.get("faults") == "1"
        finally:
            self._showing = False
        self.grid.param.update(
            kind=index.kind,
            labels=[
                {
                    "name": label.name,
                    "color": list(label.color),
                    "count": None if by_pixels else int(index.class_counts[label.index]),
                }
                for label in index.labels.labels
            ],
        )
        await self._find()
        self._image = values.get("image", "")
        self._wants_image = self._image
        if self._is_ready:
            await self._open_wanted()

    def values(self) -> dict[str, str]:
        """Return what the address says of this part."""
        found = {
            "split": "" if self.split.value == _ALL else str(self.split.value),
            "class": "\n".join(self.classes.value or []),
            "text": self.text.value_input or "",
            "min": self.least.value_input or "",
            "max": self.most.value_input or "",
            "faults": "1" if self.faulty.value else "",
            "image": self._image,
        }
        return {key: value for key, value in found.items() if value}

    def close(self) -> None:
        """Let go of what is under way."""
        if self._task is not None:
            self._task.cancel()
        self.grid.asked = None

    def wanted(self) -> Filter:
        """Return the filter as the widgets say it."""
        names = [] if self._opened is None else self._opened.index.labels.names
        return Filter(
            split="" if self.split.value == _ALL else str(self.split.value),
            classes=tuple(names.index(name) for name in self.classes.value or [] if name in names),
            text=self.text.value_input or "",
            least=_number(self.least) or 0,
            most=_number(self.most),
            with_faults=bool(self.faulty.value),
        )

    async def _find(self) -> None:
        opened = self._opened
        if opened is None:
            return
        wanted, inspection = self.wanted(), opened.inspection
        faults = inspection.faults_by_row if inspection else None
        masks = inspection.mask_classes if inspection else None
        self._rows = await asyncio.to_thread(opened.index.find, wanted, faults, masks)
        total, of = len(self._rows), len(opened.index)
        self.number.object = f"{total:,} of {of:,} images" if total != of else f"{of:,} images"
        self.clear.visible = wanted != Filter()
        self.grid.param.update(
            total=total,
            generation=self.grid.generation + 1,
            hint="No image matches all of these. Clear the filters to see every image.",
        )

    def _filtered(self, _event: Any) -> None:
        if self._showing:
            return
        if self._task is not None:
            self._task.cancel()
        self._task = asyncio.get_running_loop().create_task(self._find())
        self._changed()

    def _cleared(self, _event: Any) -> None:
        self._showing = True
        try:
            self.split.value = _ALL
            self.classes.value = []
            for widget in (self.text, self.least, self.most):
                widget.param.update(value="", value_input="")
            self.faulty.value = False
        finally:
            self._showing = False
        self._filtered(None)

    async def _asked(self, message: dict[str, Any]) -> None:
        kind = message.get("type")
        if kind == "ready":
            self._is_ready = True
            await self._open_wanted()
        elif kind == "window":
            await self._send_window(message)
        elif kind == "detail":
            place = int(message.get("index", -1))
            if message.get("generation") == self.grid.generation and 0 <= place < len(self._rows):
                await self._send_detail(int(self._rows[place]), place)
        elif kind == "closed":
            self._image = ""
            self._changed()

    async def _send_window(self, message: dict[str, Any]) -> None:
        generation, items = self.grid.generation, self._items
        if message.get("generation") != generation or items is None:
            return
        start, count = max(0, int(message["start"])), min(200, int(message["count"]))
        rows = self._rows[start : start + count].tolist()
        made = await asyncio.to_thread(items.small, rows)
        if generation == self.grid.generation:
            self.grid.tell(
                {"type": "window", "generation": generation, "start": start, "items": made}
            )

    async def _send_detail(self, row: int, place: int) -> None:
        opened, items = self._opened, self._items
        if opened is None or items is None:
            return
        made = await asyncio.to_thread(items.large, row)
        self.grid.tell({"type": "detail", "item": {**made, "index": place}})
        split, number = opened.index.place(row)
        self._image = f"{split}/{number}"
        self._changed()

    async def _open_wanted(self) -> None:
        """Open the image that the address names."""
        wanted, self._wants_image = self._wants_image, ""
        opened = self._opened
        if opened is None or not wanted:
            return
        split, _, number = wanted.rpartition("/")
        row = opened.index.row(split, int(number)) if number.isdecimal() else None
        if row is None:
            self._image = ""
            return
        place = int(np.searchsorted(self._rows, row))
        is_shown = place < len(self._rows) and self._rows[place] == row
        await self._send_detail(row, place if is_shown else -1)


def _number(widget: Any) -> int | None:
    """Return the number in a field; None, and the field says so, where there is none."""
    text = (widget.value_input or "").strip()
    is_number = text.isdecimal() and len(text) < 9
    widget.error_state = bool(text) and not is_number
    return int(text) if is_number else None
