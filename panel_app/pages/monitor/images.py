"""What an endpoint saw: recorded pictures with what the model said, the hardest or the newest, and export."""

from __future__ import annotations

import asyncio
import shlex
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import panel as pn
import panel_material_ui as pmui

from cvcore.errors import LakesightError
from launch.monitor import settings, watch
from launch.monitor.export_hard import export_hard, hard_images
from launch.monitor.hard import Exported, Hard
from launch.monitor.model_files import main_version
from launch.serving.places import get_place
from panel_app.context import Context
from panel_app.forms.view import Action, Notice
from panel_app.pages.monitor.overlay import overlay
from panel_app.router import query
from panel_app.safe import safe

_SHOWN = 24


class Images:
    """The part "Images" of the page."""

    def __init__(self, context: Context) -> None:
        """Build it, still empty."""
        self.context = context
        self.place, self.name = "", ""
        self.order: Any = pmui.Select(
            label="Order",
            options={"hardest": "hard", "newest": "new"},
            value="hard",
            width=140,
            size="small",
        )
        # Not the kit's field for numbers: its two buttons have no name for a screen reader.
        self.count: Any = pmui.Select(
            label="How many", options=[10, 20, 50, 100, 200, 500], value=50, width=110, size="small"
        )
        self.folder: Any = pmui.TextInput(label="New folder", width=380, size="small")
        self.export = Action(self._pressed, label="Export the hardest", sizing_mode="fixed")
        self.words = Notice()
        self.links = pn.pane.HTML("", sizing_mode="stretch_width", margin=(0, 10))
        self.grid = pn.pane.HTML("", sizing_mode="stretch_width", margin=(0, 10))
        self._task: asyncio.Task[None] | None = None
        self.order.param.watch(self._changed, "value")
        wrap = {"flexWrap": "wrap"}
        self.view = pn.Column(
            pmui.Row(
                self.order,
                self.count,
                self.folder,
                pn.Column(self.export, margin=(12, 10)),
                sx=wrap,
                sizing_mode="stretch_width",
            ),
            self.words,
            self.links,
            self.grid,
            sizing_mode="stretch_width",
        )

    async def show(self, place: str, name: str, end: str = "") -> None:
        """Show what an endpoint saw; blanks at the end have it sent again, see the page."""
        if (place, name) != (self.place, self.name):
            self.place, self.name = place, name
            self.links.object = ""
            self.words.say("")
            stamp = time.strftime("%Y%m%d-%H%M%S")
            self.folder.param.update(
                value=f"data/hard-{name}-{stamp}", value_input=f"data/hard-{name}-{stamp}"
            )
        order = str(self.order.value)
        found = await asyncio.to_thread(_read, place, name, order)
        if not found:
            text = (
                '<p style="font-size:13.5px">No picture was recorded yet. Ask the endpoint (Playground, or '
                f"lakesight query {safe(name)} image.jpg); pictures come within seconds.</p>"
            )
        else:
            text = grid(found, lambda key: self._url(key))
        self.export.disabled = len(found) < 2
        if self.grid.object != text + end:
            self.grid.object = text + end

    def close(self) -> None:
        """Drop what is under way."""
        if self._task is not None:
            self._task.cancel()

    def _url(self, key: str) -> str:
        return self.context.services.media.url(
            "recorded", place=self.place, name=self.name, key=key
        )

    def _changed(self, _: Any) -> None:
        self._task = asyncio.get_running_loop().create_task(self.show(self.place, self.name))

    def _pressed(self, _word: dict[str, Any]) -> None:
        self._task = asyncio.get_running_loop().create_task(self._export())

    async def _export(self) -> None:
        text = str(self.folder.value_input or self.folder.value or "")
        self.export.disabled = True
        self.words.say("Writing the data set", "Pictures are copied.")
        try:
            done = await asyncio.to_thread(self._write, text, int(self.count.value or 2))
        except LakesightError as error:
            self.words.say("Nothing was exported", str(error), "error")
        else:
            said = f"{done.num_images} images with {done.num_labels} pre-labels."
            text = f"{done.folder}: {said} Correct them before you train."
            self.words.say("The data set is written", text, "success")
            self.links.object = links(done)
        finally:
            self.export.disabled = False

    def _write(self, text: str, most: int) -> Exported:
        folder: Path = self.context.services.roots.resolve(text)
        return export_hard(get_place(self.place), self.name, most, folder)


def links(done: Exported) -> str:
    """Return where one goes on with a data set."""
    words = shlex.join(done.overrides)
    style = "color:var(--panel-primary-color);font-weight:600;margin-right:18px"
    look = query(page="data", set=words)
    train = query(page="configure", set=words)
    return (
        f'<p><a href="{safe(look)}" style="{style}">Look at it under Data</a>'
        f'<a href="{safe(train)}" style="{style}">Configure a run on it</a></p>'
        f'<code style="font-size:12.5px;overflow-wrap:anywhere">lakesight submit {safe(words)}</code>'
    )


def grid(found: Sequence[Hard], url: Any) -> str:
    """Return pictures with what was said of them, drawn and in words."""
    cells = []
    for one in found:
        record = one.record
        height, width = record.size_hw
        said = ", ".join(
            one.label if one.score is None else f"{one.label} {one.score:.2f}"
            for one in record.said[:6]
        )
        said = said or "nothing found"
        more = f" and {len(record.said) - 6} more" if len(record.said) > 6 else ""
        at = time.strftime("%d %b %H:%M:%S", time.localtime(record.at))
        cells.append(
            '<figure style="margin:0">'
            # Its height is known before the picture comes: what is below stays below.
            f'<div style="position:relative;aspect-ratio:{width}/{height}">'
            f'<img src="{safe(url(record.key))}" alt="recorded picture: {safe(said)}" loading="lazy" '
            'style="display:block;width:100%;height:100%;border-radius:6px">'
            f"{overlay(record)}</div>"
            f'<figcaption style="font-size:12px;overflow-wrap:anywhere"><b>{safe(said)}</b>'
            f"{safe(more)}<br>{safe(one.why)}<br>"
            f'<span style="opacity:.76">{at}, {1000 * record.seconds:.0f} ms, {safe(record.served)}</span>'
            "</figcaption></figure>"
        )
    return (
        '<div style="display:grid;gap:14px;grid-template-columns:repeat(auto-fill,minmax(170px,1fr))">'
        f"{''.join(cells)}</div>"
    )


def _read(place: str, name: str, order: str) -> list[Hard]:
    endpoints = get_place(place)
    if order == "hard":
        return hard_images(endpoints, name, _SHOWN)
    folder = settings.folder_of(place, name)
    served = main_version(endpoints.get(name))
    records = watch.newest(folder, served, settings.read(folder))
    return [Hard(one, 0.0, "") for one in records if all(one.picture_hw)][:_SHOWN]
