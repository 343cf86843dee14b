"""The app's pages as widgets of a notebook: `configure`, `monitor`, `explore`.

The same pages, services and ledger as the app's, in the kernel's process. Everything is loaded inline,
so that it works without internet; pictures are data URLs, since a kernel serves no HTTP.
"""

from __future__ import annotations

import asyncio
import base64
import getpass
import logging
import secrets
import shlex
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import panel as pn
import panel_material_ui as pmui
from bokeh.settings import settings
from panel_material_ui.theme import MaterialDesign

from cvcore.errors import LakesightError
from launch.submit import Submitted
from panel_app.context import Context
from panel_app.media import Media
from panel_app.navigation import PAGES
from panel_app.pages.base import Page, notice
from panel_app.router import Links, parsed
from panel_app.services import Services
from panel_app.views.icons import STYLE, Icons
from panel_app.views.inline_styles import inline_styles
from panel_app.views.no_echo import NoEcho
from panel_app.views.ready import Ready

log = logging.getLogger(__name__)

_MOUNT_S = 0.5


class InlineMedia(Media):
    """Pictures as data URLs."""

    def url(self, kind: str, **values: Any) -> str:
        """Return the picture itself as an address; of one that can't be made an empty one."""
        try:
            answer = self.make(kind, values)
        except LakesightError as error:
            log.warning("a picture can't be made: %s", error)
            return "data:,"
        return f"data:{answer.content_type};base64,{base64.b64encode(answer.body).decode()}"


class Widget(pn.viewable.Viewer):
    """A page in a notebook's cell. A link or button to another page shows it in its place."""

    def __init__(self, page: str, **values: str) -> None:
        """Build the page; it fills itself as soon as the cell has run.

        Args:
            page: key of the page, see `panel_app.navigation`.
            values: of its address.
        """
        super().__init__()
        self._pages: dict[str, tuple[Page, Ready]] = {}
        self._notes = pmui.Column(sizing_mode="stretch_width")
        self._main = pmui.Column(sizing_mode="stretch_width")
        links = Links(width=0, height=0, margin=0)
        links.param.watch(self._followed, "url")
        self._view = pmui.Column(
            NoEcho(), self._notes, self._main, links, Icons(), sizing_mode="stretch_width"
        )
        self._context = Context(services(), getpass.getuser(), self)
        self._task: asyncio.Task[None] | None = None
        self.address: dict[str, str] = {}
        self.open_address({"page": page, **values})

    def __panel__(self) -> Any:
        """Return what the cell shows."""
        return self._view

    @property
    def page(self) -> Page:
        """The page that is shown."""
        return self._pages[self.address["page"]][0]

    @property
    def overrides(self) -> list[str]:
        """What is composed or explored, as on the command line."""
        return shlex.split(self.address.get("set", ""))

    @property
    def run_id(self) -> str:
        """Of the run that is watched, or was launched here; "" if there is none."""
        return self.address.get("run", "")

    def close(self) -> None:
        """End its clock and let go of what it watches; the kernel's end does it too."""
        if self._task is not None:
            self._task.cancel()
        for page, _ in self._pages.values():
            page.close()

    def open_address(self, values: Mapping[str, str]) -> None:
        """Show a page in place of this one."""
        if self._task is not None:
            self._task.cancel()
        key = values["page"]
        self.address = dict(values)
        if key not in self._pages:
            self._pages[key] = (PAGES[key].build(self._context), Ready())
            self._main.extend([self.page.view, self._pages[key][1]])
        for other, (page, _) in self._pages.items():
            page.view.visible = other == key
        self._task = asyncio.get_running_loop().create_task(self._live(key, values))

    def keep_address(self, values: Mapping[str, str]) -> None:
        """Remember what is shown; `overrides` and `run_id` tell it."""
        self.address = dict(values)

    def tell(self, text: str, severity: str) -> None:
        """Show a note above the page."""
        self._notes.objects = [notice(text, "", severity)]

    async def _live(self, key: str, values: Mapping[str, str]) -> None:
        page, ready = self._pages[key]
        try:
            # What is changed before the browser has the cell's output is lost there.
            await ready.wait()
            # Material's widgets are there a moment after the cell.
            await asyncio.sleep(_MOUNT_S)
            await page.open(values)
            while True:
                await asyncio.sleep(page.period_ms / 1000)
                await page.refresh()
        except Exception as error:
            # An edge: the cell says it, the log has the traceback.
            log.error("the page %s has a fault", page.heading, exc_info=error)
            self.tell("This page has a fault; the kernel's log has it.", "error")

    def _followed(self, event: Any) -> None:
        values = parsed(event.new)
        if values.get("page") in PAGES:
            self.open_address(values)


def configure(*overrides: str) -> Widget:
    """Return the form of a run, to be composed and launched in a notebook.

    Args:
        overrides: to begin with, as on the command line: "task=detection", "optim.learning_rate=1e-4".

    Example:
        >>> form = configure("task=detection")  # doctest: +SKIP
        >>> form.overrides  # doctest: +SKIP
        ['task=detection']
    """
    _load()
    return Widget("configure", set=shlex.join(overrides))


def monitor(run: str | Submitted) -> Widget:
    """Return a run's page: state, progress, curves as they come, pictures, log.

    Args:
        run: start of its id, title or folder, as `lakesight logs` takes them; or what
            `launch.submit.Submitter().submit` returned.

    Raises:
        UnknownRun: there is no such run; the message names those there are.
    """
    _load()
    if isinstance(run, Submitted):
        return Widget("run", run=run.handle.run_id)
    return Widget("run", run=services().ledger.find(run, submitted=False).run_id)


def explore(*overrides: str) -> Widget:
    """Return a data set's page: statistics, faults, images with their annotations.

    Args:
        overrides: that choose the data, e.g. "task=detection", "data=coco", "data.root=cells".
    """
    _load()
    return Widget("data", set=shlex.join(overrides))


@lru_cache(maxsize=1)
def services() -> Services:
    """Return the services of this kernel: the ledger of MLFLOW_TRACKING_URI, else of this folder."""
    return Services("", InlineMedia(secrets.token_urlsafe(16)))


def _load() -> None:
    """Load Panel into the notebook, once for each output that needs it; all from this package."""
    inline_styles()
    # Whatever BOKEH_RESOURCES says: it is meant for servers.
    settings.resources = "inline"
    raw_css = [] if STYLE in pn.config.raw_css else [STYLE]
    pn.extension("tabulator", "codeeditor", inline=True, design=MaterialDesign, raw_css=raw_css)
