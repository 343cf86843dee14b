"""Choosing a folder: of this machine's allowed roots, or of a workspace's Volumes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

import panel as pn
import panel_material_ui as pmui

from cvcore.errors import LakesightError
from panel_app.data import volumes
from panel_app.data.sets import DataSets
from panel_app.identity import no_token
from panel_app.pages.base import notice
from panel_app.safe import safe
from panel_app.views.ready import Ready

_VOLUMES = "/Volumes"
_SHOWN = 400


class Browser:
    """A dialog with folders; it is filled when it is opened."""

    def __init__(self, sets: DataSets, picked: Callable[[str], None]) -> None:
        """Build it, closed.

        Args:
            sets: of the process.
            picked: told the folder that a person chose.
        """
        self._roots, self._picked = sets.roots, picked
        self.token: Callable[[], str] = no_token
        self._path = ""
        self._parent: str | None = None
        self._task: asyncio.Task[None] | None = None
        self._ready = Ready()
        self.where = pmui.TextInput(label="Folder", sizing_mode="stretch_width")
        self.up = pmui.Button(label="One folder up", icon="arrow_upward", variant="outlined")
        self.words = pn.Column(sizing_mode="stretch_width")
        self.list = pmui.MenuList(items=[], dense=True, sizing_mode="stretch_width")
        # What lies in the folder says whether it is the right one; only folders can be gone into.
        self.files = pn.pane.HTML("", sizing_mode="stretch_width", margin=(0, 16, 10, 16))
        self.use = pmui.Button(label="Use this folder", variant="contained")
        cancel = pmui.Button(label="Cancel", variant="text")
        self.view = pmui.Dialog(
            pn.Column(
                pn.Row(self.where, pn.Column(self.up, margin=(8, 0)), sizing_mode="stretch_width"),
                self.words,
                pn.Column(
                    self.list,
                    self.files,
                    sizing_mode="stretch_width",
                    height=380,
                    scroll=True,
                    styles={
                        "border": "1px solid color-mix(in srgb, currentColor 16%, transparent)",
                        "border-radius": "8px",
                    },
                ),
                pn.Row(pn.Spacer(sizing_mode="stretch_width"), cancel, self.use),
                self._ready,
                sizing_mode="stretch_width",
            ),
            title="Choose the folder of the data set",
            open=False,
            width_option="md",
            show_close_button=True,
        )
        self.list.on_click(self._clicked)
        self.up.on_click(lambda _: self._go(self._parent or ""))
        self.where.param.watch(self._typed, "value")
        self.use.on_click(self._chosen)
        cancel.on_click(self._closed)

    def open(self, path: str) -> None:
        """Open it at a folder."""
        self.view.open = True
        self._go(path)

    def _go(self, path: str) -> None:
        if self._task is not None:
            self._task.cancel()
        self._task = asyncio.get_running_loop().create_task(self._list(path))

    async def _list(self, path: str) -> None:
        # The dialog is in the browser only once it is open.
        await self._ready.wait()
        try:
            shown, parent, folders, files = await asyncio.to_thread(self._read, path)
        except LakesightError as error:
            self.words.objects = [notice("This folder can't be listed", str(error), "warning")]
            if path and not self.list.items:
                await self._list("")
            return
        self._path, self._parent = shown, parent
        with pn.io.hold():
            self.words.objects = []
            self.where.value = shown
            self.up.disabled = parent is None
            self.use.disabled = not shown
            self.list.items = [
                {"label": name, "icon": "folder", "path": full} for name, full in folders[:_SHOWN]
            ]
            seen = files[: max(0, _SHOWN - len(folders))]
            self.files.object = _files(seen)
            num_shown = len(self.list.items) + len(seen)
            more = len(folders) + len(files) - num_shown
            if more > 0:
                text = "Type the rest of the path to get to one of them."
                self.words.objects = [notice(f"{more:,} more are not shown", text)]
            elif not num_shown:
                self.words.objects = [notice("This folder is empty", "Go one folder up.")]

    def _read(self, path: str) -> tuple[str, str | None, list[tuple[str, str]], list[str]]:
        """Return the folder's path, the one above, its folders with their paths, its files."""
        by_workspace = volumes.is_configured() and not Path(_VOLUMES).exists()
        mounted = any(one.startswith(_VOLUMES) for one in self._roots.folders)
        if path.startswith(_VOLUMES) and by_workspace and not mounted:
            path = path.rstrip("/")
            found = volumes.entries(path, self.token())
            above = "" if path == _VOLUMES else str(PurePosixPath(path).parent)
            folders = [(name, f"{path}/{name}") for name, is_folder, _ in found if is_folder]
            return path, above, folders, [name for name, is_folder, _ in found if not is_folder]
        listing = self._roots.list(path)
        folders = [(e.name, e.path) for e in listing.entries if e.is_folder]
        if not path.strip() and by_workspace and not mounted:
            folders.insert(0, ("Volumes of the workspace", _VOLUMES))
        files = [e.name for e in listing.entries if not e.is_folder]
        return listing.path, listing.parent, folders, files

    def _clicked(self, item: Any) -> None:
        if isinstance(item, dict) and item.get("path"):
            self._go(item["path"])

    def _typed(self, event: Any) -> None:
        if event.new and event.new != self._path:
            self._go(event.new)

    def _closed(self, _event: Any) -> None:
        self.view.open = False

    def _chosen(self, _event: Any) -> None:
        self.view.open = False
        self._picked(self._path)


def _files(names: list[str]) -> str:
    rows = "".join(
        f'<li style="padding:3px 0;overflow-wrap:anywhere">{safe(one)}</li>' for one in names
    )
    style = "list-style:none;margin:0;padding:0;font-size:13.5px;opacity:.76"
    return f'<ul aria-label="Files" style="{style}">{rows}</ul>' if names else ""
