"""The sections of the page Evaluate: each is filled when somebody first looks at it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import panel as pn
import panel_material_ui as pmui

from panel_app.context import Context
from panel_app.evaluate import study
from panel_app.evaluate.pictures import pictures_of
from panel_app.pages.evaluate import html
from panel_app.pages.evaluate.images import Images
from panel_app.pages.evaluate.thresholds import ThresholdStudio
from panel_app.pages.evaluate.two import Two
from panel_app.views.confusion import Confusion
from panel_app.views.sort_table import SortTable

SECTIONS = {
    "Summary": "summary",
    "Classes": "classes",
    "Curves": "curves",
    "Confusion": "confusion",
    "Errors": "errors",
    "Slices": "slices",
    "Images": "images",
    "Thresholds": "thresholds",
    "Two models": "two",
}
_ALL = "all classes"


class Sections:
    """All that is shown of one evaluation.

    Attributes:
        parts: by the names of `SECTIONS`.
    """

    def __init__(
        self,
        context: Context,
        changed: Callable[[], None],
        to_images: Callable[[dict[str, str]], None],
    ) -> None:
        """Build them, empty.

        Args:
            context: of the session.
            changed: called when the address must say something else.
            to_images: called when somebody wants to see images: the filter.
        """
        self._to_images = to_images
        self._is_setting = False
        self._opened: study.Study | None = None
        self._task: asyncio.Task[None] | None = None
        self.summary = _html()
        self.classes = SortTable(
            self._class_picked,
            caption="Classes",
            leads="Show the images of this class",
            sizing_mode="stretch_width",
            margin=(8, 10),
        )
        self.curve_of: Any = pmui.Select(label="Class", options=[_ALL], width=240, size="small")
        self.curves = _html()
        self.confusion = Confusion(self._cell_picked, sizing_mode="stretch_width", margin=(8, 10))
        self.errors = _html()
        self.error_table = SortTable(
            self._missed_picked,
            caption="Errors of each class",
            leads="Show the images of this class",
            sizing_mode="stretch_width",
            margin=(8, 10),
        )
        self.by_class = _column(self.error_table)
        self.slices = _html()
        self.images = Images(pictures_of(context.services), changed)
        self.thresholds = ThresholdStudio(context)
        self.two = Two(pictures_of(context.services), study.of(context.services), changed)
        self.parts: dict[str, Any] = {
            "summary": self.summary,
            "classes": _column(self.classes),
            "curves": _column(self.curve_of, self.curves),
            "confusion": _column(self.confusion),
            "errors": _column(self.errors, self.by_class),
            "slices": self.slices,
            "images": self.images.view,
            "thresholds": self.thresholds.view,
            "two": self.two.view,
        }
        self.curve_of.param.watch(self._curve_chosen, "value")

    async def fill(
        self,
        name: str,
        opened: study.Study,
        wanted: Mapping[str, str],
        place: Callable[[], tuple[Path | None, str, dict[str, str]]],
    ) -> None:
        """Fill one.

        Args:
            name: of `SECTIONS`.
            opened: the evaluation.
            wanted: what the address says.
            place: blocks; returns the model's folder, its title, and what it can be compared with.

        Raises:
            LakesightError: it can't be shown.
        """
        self._opened = opened
        if name == "images":
            await self.images.show(opened, wanted or self.images.values())
        elif name in ("thresholds", "two"):
            folder, title, others = await asyncio.to_thread(place)
            if name == "thresholds":
                await self.thresholds.show(opened, folder)
            else:
                await self.two.show(
                    opened, title, others, wanted.get("with", "") or self.two.with_key
                )
        else:
            fillers: dict[str, Callable[[study.Study], Awaitable[None]]] = {
                "summary": self._summary,
                "classes": self._classes,
                "curves": self._curves,
                "confusion": self._confusion,
                "errors": self._errors,
                "slices": self._slices,
            }
            await fillers[name](opened)

    def values(self, name: str) -> dict[str, str]:
        """Return what the address says of a section."""
        if name == "images":
            return self.images.values()
        return {"with": self.two.with_key} if name == "two" else {}

    def close(self) -> None:
        """Let go of what is under way."""
        if self._task is not None:
            self._task.cancel()
        self.images.close()
        self.thresholds.close()
        self.two.close()

    async def _summary(self, opened: study.Study) -> None:
        self.summary.object = await asyncio.to_thread(html.headline, opened)

    async def _classes(self, opened: study.Study) -> None:
        heads, rows = await asyncio.to_thread(_class_rows, opened)
        self.classes.param.update(heads=heads, rows=rows)

    async def _curves(self, opened: study.Study) -> None:
        self._is_setting = True
        names = opened.labels.names
        self.curve_of.options = [_ALL, *names]
        self.curve_of.value = self.curve_of.value if self.curve_of.value in names else _ALL
        self._is_setting = False
        chosen = "" if self.curve_of.value == _ALL else self.curve_of.value
        self.curves.object = await asyncio.to_thread(html.curves, opened, chosen)

    async def _confusion(self, opened: study.Study) -> None:
        found = await asyncio.to_thread(opened.read, "confusion.json")
        self.confusion.param.update(
            names=found.get("labels", []),
            cells=found.get("cells", []),
            unit=found.get("unit", ""),
        )

    async def _errors(self, opened: study.Study) -> None:
        self.errors.object = await asyncio.to_thread(html.errors, opened)
        found = await asyncio.to_thread(opened.read, "errors.json")
        kinds = list(found.get("types", {}))
        rows = [[k, *(row[x] for x in kinds)] for k, row in found.get("classes", {}).items()]
        self.error_table.param.update(heads=["class", *kinds], rows=rows)
        self.by_class.visible = bool(rows)

    async def _slices(self, opened: study.Study) -> None:
        self.slices.object = "Dividing the images ..."
        self.slices.object = await asyncio.to_thread(html.slices, opened)

    def _curve_chosen(self, _: Any) -> None:
        if not self._is_setting and self._opened is not None:
            self._task = asyncio.get_running_loop().create_task(self._curves(self._opened))

    def _class_picked(self, name: str) -> None:
        self._to_images({"class": name})

    def _missed_picked(self, name: str) -> None:
        self._to_images({"what": "lost", "class": name})

    def _cell_picked(self, true: int, predicted: int) -> None:
        self._to_images({"cell": f"{true}-{predicted}"})


def _class_rows(opened: study.Study) -> tuple[list[str], list[list[Any]]]:
    per_class: dict[str, dict[str, float | None]] = opened.read("per_class.json")
    keys = list(dict.fromkeys(key for row in per_class.values() for key in row))
    keys = [key for key in keys if any(row.get(key) is not None for row in per_class.values())]
    rows = []
    for name, row in per_class.items():
        values = [row.get(key) for key in keys]
        rows.append(
            [
                name,
                *(
                    int(v) if v is not None and key.startswith("num_") else v
                    for key, v in zip(keys, values, strict=True)
                ),
            ]
        )
    return ["class", *(key.replace("_", " ") for key in keys)], rows


def _column(*parts: Any) -> Any:
    # A component of our own stays to be seen when it is hidden itself; in a column it is not.
    return pn.Column(*parts, sizing_mode="stretch_width")


def _html() -> Any:
    return pn.pane.HTML("", sizing_mode="stretch_width", margin=(8, 10))
