"""Training images as the trainer sees them: the original beside several random draws."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import panel as pn
import panel_material_ui as pmui

from cvcore.data.transforms import train_transform
from cvcore.errors import LakesightError
from panel_app.forms.editor import Editor
from panel_app.forms.spec import help_of, label_of
from panel_app.pages.base import notice
from panel_app.pages.data.fold import Fold
from panel_app.pages.data.opened import Opened
from panel_app.safe import safe

_IMAGES = 3
_DRAWS = 4
_STYLE = """<style>
.draws{display:grid;grid-template-columns:repeat(5,minmax(0,1fr));gap:14px;font-size:12px}
.draws figure{margin:0}.draws img{width:100%;aspect-ratio:1;object-fit:contain;border-radius:8px;
 background:color-mix(in srgb,currentColor 7%,transparent);display:block}
.draws figcaption{margin-top:4px;line-height:1.35;opacity:.85;overflow-wrap:anywhere}
</style>"""


class Augment:
    """Option and strength of the augmentation, and what they do to a few images."""

    def __init__(self, editor: Editor, changed: Callable[[], None]) -> None:
        """Build it, still empty.

        Args:
            editor: holds the recipe; the group `augment` is edited here.
            changed: called when another augmentation was chosen.
        """
        self._editor, self._changed = editor, changed
        self._opened: Opened | None = None
        self._first = 0
        self._showing = False
        self._task: asyncio.Task[None] | None = None
        self.option = pmui.Select(label="Augmentation", options=[], width=230, size="small")
        self.help = pmui.Typography("", variant="body2", sx={"opacity": 0.85}, margin=(14, 10))
        self.more = pmui.Button(label="Other images", icon="shuffle", variant="outlined")
        self.strength = Fold("Strength", "tune", "augment", editor, changed)
        self.words = pn.Column(sizing_mode="stretch_width")
        self.pictures = pn.pane.HTML("", sizing_mode="stretch_width", margin=(10, 0))
        self.option.param.watch(self._chosen, "value")
        self.more.on_click(self._others)
        self.view = pn.Column(
            pn.Row(
                self.option,
                self.help,
                pn.Spacer(sizing_mode="stretch_width"),
                self.strength.button,
                self.more,
                sizing_mode="stretch_width",
                margin=(14, 0, 4, 0),
            ),
            self.strength.view,
            self.words,
            self.pictures,
            sizing_mode="stretch_width",
        )

    async def show(self, opened: Opened, _values: Mapping[str, str]) -> None:
        """Show a data set's training images."""
        self._opened = opened
        editor = self._editor
        self._showing = True
        try:
            options = editor.options["augment"]
            self.option.options = {label_of(one): one for one in options}
            chosen = editor.recipe.choices.get("augment") or editor.choices.get("augment", "")
            if chosen in options:
                self.option.value = chosen
                self.help.object = safe(help_of("augment", chosen))
            self.strength.show(editor.keys("augment"))
        finally:
            self._showing = False
        await self._fill()

    def close(self) -> None:
        """Let go of what is under way."""
        if self._task is not None:
            self._task.cancel()

    def _chosen(self, event: Any) -> None:
        if not self._showing and event.new:
            self._editor.choose("augment", event.new)
            self._changed()

    def _others(self, _event: Any) -> None:
        self._first += 1
        if self._task is not None:
            self._task.cancel()
        self._task = asyncio.get_running_loop().create_task(self._fill())

    async def _fill(self) -> None:
        opened = self._opened
        if opened is None:
            return
        try:
            html = await asyncio.to_thread(self._html, opened)
        except LakesightError as error:
            self.words.objects = [notice("The augmentation can't be shown", str(error), "error")]
            return
        self.words.objects = []
        self.pictures.object = html

    def _html(self, opened: Opened) -> str:
        index, choice = opened.index, opened.choice
        train = index.splits[0] if "train" not in index.splits else "train"
        count = index.count(train)
        places = np.linspace(0, count - 1, min(_IMAGES, count)).astype(int) + 7 * self._first
        transform = train_transform(choice.conf.model, choice.conf.augment)
        cells = []
        for place in (int(one) % count for one in places):
            row = index.row(train, place)
            assert row is not None
            record, _ = index.record(row)
            name = record.image.name if record.image.path is None else record.image.path.name
            url = opened.sets.url("drawn", opened.key, row)
            cells.append(_figure(url, f"Original: {name}"))
            for epoch in range(_DRAWS):
                url = opened.sets.url(
                    "augmented", opened.key, row, epoch=epoch, overrides=list(choice.overrides)
                )
                changes = transform.draw(choice.conf.seed, epoch, place).describe()
                cells.append(_figure(url, f"Epoch {epoch}: {changes}"))
        height, width = choice.conf.model.image_size[:2]
        text = (
            f"The same code and seed as in training: image, boxes and masks change together and are "
            f"fitted to the model's input of {width} x {height} pixels."
        )
        return (
            f'{_STYLE}<p style="margin:0 0 12px;font-size:13px;opacity:.85">{safe(text)}</p>'
            f'<div class="draws">{"".join(cells)}</div>'
        )


def _figure(url: str, text: str) -> str:
    return (
        f'<figure><img loading="lazy" src="{safe(url)}" alt="{safe(text)}">'
        f"<figcaption>{safe(text)}</figcaption></figure>"
    )
