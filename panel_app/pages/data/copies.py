"""Exact and near duplicates, and leaks between splits: the pictures side by side."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import panel as pn
import panel_material_ui as pmui

from panel_app.data.inspection import Inspection
from panel_app.pages.base import notice
from panel_app.pages.data.opened import Opened
from panel_app.router import query
from panel_app.safe import safe

_PAGE = 15
_MOST = 12
_STYLE = """<style>
.group{border:1px solid color-mix(in srgb,currentColor 16%,transparent);border-radius:10px;padding:12px;
 margin:0 0 12px}
.group .pictures{display:flex;gap:12px;flex-wrap:wrap;margin-top:8px}
.group a{color:inherit;text-decoration:none;width:190px;font-size:12px;overflow-wrap:anywhere}
.group img{width:190px;height:150px;object-fit:contain;border-radius:7px;
 background:color-mix(in srgb,currentColor 7%,transparent);display:block;margin-bottom:4px}
.chip{color:#fff;border-radius:99px;padding:1px 9px;font-size:11.5px;font-weight:650}
</style>"""


class Copies:
    """Groups of pictures, by pages."""

    def __init__(self, address: Callable[[], dict[str, str]]) -> None:
        """Build it, still empty.

        Args:
            address: gives the page's address, for links to images.
        """
        self._address = address
        self._opened: Opened | None = None
        self._shown: Inspection | None = None
        self._task: asyncio.Task[None] | None = None
        self.words = pn.Column(sizing_mode="stretch_width")
        self.only_leaks = pmui.Checkbox(label="Between splits only", value=False)
        self.groups = pn.pane.HTML("", sizing_mode="stretch_width", margin=(8, 0))
        self.pages = pmui.Pagination(count=1, value=0)
        self.view = pn.Column(
            self.words, self.only_leaks, self.groups, self.pages, sizing_mode="stretch_width"
        )
        self.only_leaks.param.watch(self._again, "value")
        self.pages.param.watch(self._again, "value")

    async def show(self, opened: Opened, _values: Mapping[str, str]) -> None:
        """Show the copies that an inspection found."""
        inspection = opened.inspection
        if inspection is None:
            return
        self._opened = opened
        if inspection is not self._shown:
            self._shown = inspection
            self.pages.value = 0
        report = inspection.report
        leaks = report["leaks"]
        words = []
        if leaks:
            said = "; ".join(
                f"{one['images']:,} of {one['split']} in {one['copies_of']}" for one in leaks
            )
            text = (
                f"Images with a copy in another split: {said}. What is measured on them was seen in "
                "training, so results look better than they are. Keep each picture in one split."
            )
            words.append(notice("Splits leak into each other", text, "warning"))
        if not report["copies"]:
            text = "No two images are equal or look nearly the same."
            words.append(notice("No duplicates", text, "success"))
        self.words.objects = words
        self.only_leaks.visible = bool(leaks)
        await self._fill()

    def close(self) -> None:
        """Let go of what is under way."""
        if self._task is not None:
            self._task.cancel()

    def _again(self, _event: Any) -> None:
        if self._task is not None:
            self._task.cancel()
        self._task = asyncio.get_running_loop().create_task(self._fill())

    async def _fill(self) -> None:
        opened, inspection = self._opened, self._shown
        if opened is None or inspection is None:
            return
        groups = [
            one for one in inspection.report["copies"] if one["leak"] or not self.only_leaks.value
        ]
        self.pages.count = max(1, -(-len(groups) // _PAGE))
        self.pages.visible = len(groups) > _PAGE
        start = min(int(self.pages.value or 0), self.pages.count - 1) * _PAGE
        shown = groups[start : start + _PAGE]
        html = await asyncio.to_thread(lambda: "".join(self._group(opened, one) for one in shown))
        self.groups.object = _STYLE + html if shown else ""

    def _group(self, opened: Opened, group: dict[str, Any]) -> str:
        base = {k: v for k, v in self._address().items() if k != "image"}
        pictures = []
        for row in group["rows"][:_MOST]:
            if row is None:
                continue
            record, _ = opened.index.record(row)
            split, place = opened.index.place(row)
            path = record.image.path
            name = record.image.name if path is None else path.name
            url = opened.sets.url("thumbnail", opened.key, row)
            link = query(**{**base, "view": "images", "image": f"{split}/{place}"})
            pictures.append(
                f'<a href="{safe(link)}"><img loading="lazy" alt="" src="{safe(url)}">'
                f"<b>{safe(split)}</b> {safe(name)}</a>"
            )
        number = len(group["rows"])
        more = f", {number - _MOST:,} more" if number > _MOST else ""
        what = "Equal files" if group["kind"] == "exact" else "Nearly the same picture"
        chip = '<span class="chip" style="background:#b3261e">in several splits</span>'
        return (
            f'<div class="group"><b>{what}</b> ({number:,} images{more}) '
            f'{chip if group["leak"] else ""}<div class="pictures">{"".join(pictures)}</div></div>'
        )
