"""Who did what: search, filter, export."""

from __future__ import annotations

import asyncio
from typing import Any

import panel as pn
import panel_material_ui as pmui

from launch.activity.entry import ACTIONS
from launch.activity.export import FORMATS, row
from launch.activity.log import ActivityLog
from panel_app.context import Context
from panel_app.safe import safe
from panel_app.views.table import table

_SHOWN = 200


class Activity:
    """The part "Activity" of the page."""

    def __init__(self, context: Context, keep: Any) -> None:
        """Build it, still empty.

        Args:
            context: of the session.
            keep: called when the address should tell what is searched.
        """
        self.context, self._keep = context, keep
        self._is_restoring = False
        self._task: asyncio.Task[None] | None = None
        self.search: Any = pmui.TextInput(
            label="Search", placeholder="user, run, endpoint ...", width=260, size="small"
        )
        self.action: Any = pmui.Select(
            label="Action",
            options={"any": "", **{one: one for one in ACTIONS}},
            value="",
            width=140,
            size="small",
        )
        self.export = pn.pane.HTML("", margin=(18, 10))
        self.found = pn.pane.HTML("", sizing_mode="stretch_width", margin=(0, 10))
        self.search.param.watch(self._changed, "value_input")
        self.action.param.watch(self._changed, "value")
        self.view = pn.Column(
            pmui.Row(self.search, self.action, self.export, sx={"flexWrap": "wrap"}),
            self.found,
            sizing_mode="stretch_width",
        )

    @property
    def wanted(self) -> tuple[str, str]:
        """What is searched, and the action."""
        return str(self.search.value_input or ""), str(self.action.value or "")

    def restore(self, words: str, action: str) -> None:
        """Search what the address says."""
        self._is_restoring = True
        if self.wanted[0] != words:
            self.search.param.update(value=words, value_input=words)
        if self.wanted[1] != action:
            self.action.value = action if action in ACTIONS else ""
        self._is_restoring = False

    async def show(self, end: str = "") -> None:
        """Read and show.

        Args:
            end: blanks at the end, to have it sent again; see the page.

        Raises:
            LakesightError: the log can't be read.
        """
        words, action = self.wanted
        entries = await asyncio.to_thread(ActivityLog().find, words, action, most=_SHOWN)
        if (words, action) != self.wanted:
            return
        newest = entries[0].at if entries else 0
        style = "color:var(--panel-primary-color);font-weight:600;margin-right:14px"
        media = self.context.services.media
        urls = [
            (one, media.url("activity", form=one, q=words, action=action, at=newest))
            for one in FORMATS
        ]
        links = "".join(
            f'<a href="{safe(url)}" style="{style}">Export {one.upper()}</a>' for one, url in urls
        )
        heads = ("Time (UTC)", "User", "Action", "What", "Outcome", "More", "From")
        if entries:
            text = table(heads, [row(one) for one in entries], caption="Who did what")
        else:
            text = (
                '<p style="font-size:13.5px">Nothing of that kind was done yet. Launch, cancel, register, '
                "promote, deploy and delete are written here, from the app and the command line.</p>"
            )
        for pane, value in ((self.export, links), (self.found, text)):
            if pane.object != value + end:
                pane.object = value + end

    def close(self) -> None:
        """Drop what is under way."""
        if self._task is not None:
            self._task.cancel()

    def _changed(self, _: Any) -> None:
        if not self._is_restoring:
            self._keep()
            self._task = asyncio.get_running_loop().create_task(self.show())
