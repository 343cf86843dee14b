"""Data: which data set, and everything about it, kept in the address."""

from __future__ import annotations

import asyncio
import logging
import shlex
from collections.abc import Mapping
from typing import Any

import panel as pn
import panel_material_ui as pmui

from cvcore.config.schema import TASKS
from cvcore.errors import LakesightError
from panel_app.context import Context
from panel_app.data.choice import Choice, in_volume
from panel_app.data.jobs import Progress
from panel_app.data.sets import of
from panel_app.data.volumes import is_configured, require_readable
from panel_app.forms.editor import Editor
from panel_app.navigation import PAGES
from panel_app.pages.base import heading, notice
from panel_app.pages.data.augment import Augment
from panel_app.pages.data.chooser import Chooser
from panel_app.pages.data.copies import Copies
from panel_app.pages.data.findings import Findings
from panel_app.pages.data.images import Images
from panel_app.pages.data.opened import Opened
from panel_app.pages.data.statistics import Statistics
from panel_app.pages.data.summary import summary
from panel_app.pages.data.work import Work
from panel_app.views.ready import Ready

log = logging.getLogger(__name__)

VIEWS = ("images", "statistics", "findings", "copies", "augmentation")
_LABELS = ("Images", "Statistics", "Findings", "Duplicates", "Augmentation")
_DIGITS = ("task=detection", "data=digits")


class DataPage:
    """See this package."""

    heading = "Data"
    period_ms = 700

    def __init__(self, context: Context) -> None:
        """Build it, still empty."""
        self.context = context
        self.sets = of(context.services)
        self.editor = Editor(lambda: None, self._answered)
        self.chooser = Chooser(self.sets, self.editor, self._edited, context.token)
        self.opened: Opened | None = None
        self._kept: str | None = None
        self._values: dict[str, str] = {}
        self._task: asyncio.Task[None] | None = None
        self._is_opening = False
        self.images = Images(self._keep)
        self.work = Work(self.sets.jobs)
        self._parts: dict[str, Any] = {}
        self.words = pn.Column(sizing_mode="stretch_width")
        self.summary = pn.pane.HTML("", sizing_mode="stretch_width", margin=(2, 10, 4, 10))
        self.inspect = pmui.Button(
            label="Inspect", icon="fact_check", variant="outlined", visible=False
        )
        self.use = pmui.Button(
            label="Use in Configure", icon="tune", variant="contained", visible=False
        )
        self.inspect.on_click(lambda _: self._inspect())
        self.use.on_click(lambda _: self._use())
        self._panes = {view: pn.Column(sizing_mode="stretch_width") for view in VIEWS}
        self._panes["images"].append(self.images.view)
        self.tabs = pmui.Tabs(
            *zip(_LABELS, self._panes.values(), strict=True),
            sizing_mode="stretch_width",
            visible=False,
        )
        self.tabs.param.watch(self._turned, "active")
        self.ready = Ready()
        self.view = pn.Column(
            pn.Row(
                heading("Data"),
                pn.Spacer(sizing_mode="stretch_width"),
                self.inspect,
                self.use,
                sizing_mode="stretch_width",
            ),
            self.chooser.view,
            self.words,
            self.work.view,
            self.summary,
            self.tabs,
            self.ready,
            sizing_mode="stretch_width",
        )

    def _part(self, view: str) -> Any:
        """Return what a tab shows; built when somebody first comes there."""
        if view not in self._parts:
            made: Any
            if view == "statistics":
                made = Statistics()
            elif view == "findings":
                made = Findings(self._address, self._keep, self._repair)
            elif view == "copies":
                made = Copies(self._address)
            else:
                made = Augment(self.editor, self._edited)
            self._parts[view] = made
        return self._parts[view]

    # ------------------------------------------------------------------ the address

    async def open(self, values: Mapping[str, str]) -> None:
        """Show the data set of an address, as soon as the browser can show anything."""
        self._begin(self._open(dict(values)))

    async def _open(self, values: Mapping[str, str]) -> None:
        await self.ready.wait()
        self._values = {key: value for key, value in values.items() if key != "page"}
        view = values.get("view", VIEWS[0])
        self._is_opening = True
        try:
            self.tabs.active = VIEWS.index(view) if view in VIEWS else 0
        finally:
            self._is_opening = False
        asked = values.get("set", "")
        if asked != self._kept or not asked:
            self._kept = asked
            if not asked:
                self._welcome()
                return
            faults = self.editor.restore(asked)
            self.editor.ask()
            self.chooser.show()
            if faults:
                self.words.objects = [
                    notice("The address can't be used", " ".join(faults), "warning")
                ]
                return
        await self._load()

    async def refresh(self) -> None:
        """Look how far the workers are."""
        await self.work.refresh()

    def close(self) -> None:
        """Drop what is under way here; workers go on for whoever asks next."""
        self.editor.close()
        if self._task is not None:
            self._task.cancel()
        for part in (self.images, *self._parts.values()):
            part.close()

    def _address(self) -> dict[str, str]:
        found = {"page": "data", "set": self._kept or "", "view": VIEWS[self.tabs.active]}
        if self.opened is not None:
            findings = self._parts.get("findings")
            found |= self.images.values() | (findings.values() if findings else {})
        return {key: value for key, value in found.items() if value and value != VIEWS[0]}

    def _keep(self) -> None:
        values = self._address()
        self.context.keep(values.pop("page"), **values)

    # ------------------------------------------------------------------ which data set

    def _welcome(self) -> None:
        self.opened = None
        self.tabs.visible = self.inspect.visible = self.use.visible = False
        self.summary.object = ""
        start = pmui.Button(
            label="Look at the built-in digits", variant="contained", icon="looks_3"
        )
        start.on_click(lambda _: self.context.go("data", set=shlex.join(_DIGITS)))
        self.words.objects = [
            notice(
                "No data set is open",
                "Choose task, format and folder above. Or start with the built-in digits: real "
                "handwritten digits in small scenes, for every task.",
            ),
            start,
        ]
        self.editor.load(self.editor.recipe.choose("task", "detection").choose("data", "coco"))
        self.chooser.show()

    def _edited(self) -> None:
        """Take what a person changed above, or the augmentation: another address, shown at once."""
        self._kept = shlex.join(self.editor.recipe.to_overrides())
        self.chooser.show()
        self._keep()
        self._begin(self._load())

    def _answered(self) -> None:
        self.chooser.show()

    def _begin(self, work: Any) -> None:
        if self._task is not None:
            self._task.cancel()
        self._task = asyncio.get_running_loop().create_task(self._guarded(work))

    async def _guarded(self, work: Any) -> None:
        try:
            await work
        except Exception as error:
            log.error("the page Data has a fault", exc_info=error)
            self.context.tell("This page has a fault. The log of the app has it.", "error")

    async def _load(self) -> None:
        faults = self.editor.draft_faults
        try:
            if faults:
                raise _RefusedError(" ".join(faults.values()))
            overrides = tuple(self.editor.recipe.to_overrides())
            choice = await asyncio.to_thread(self.sets.choose, overrides)
            path, token = in_volume(choice.data), self.context.token()
            await asyncio.to_thread(require_readable, path, token)
        except LakesightError as error:
            self._say("The data set can't be opened", str(error), "error")
            return
        if choice.data.reader != "digits" and choice.data.root is None:
            self._say("Which folder?", "Give the folder of the data set above, or browse to it.")
            return
        if self.sets.is_elsewhere(choice):
            self._offer_copy(choice)
            return
        index = await asyncio.to_thread(self.sets.index, choice)
        if index is None:
            self._say("", "")
            name = self.sets.start("index", choice)
            self.work.watch(name, "Opening the data set", self._indexed)
            return
        inspection = await asyncio.to_thread(self.sets.inspection, choice, index)
        await self._show(Opened(self.sets, choice, index, inspection))

    def _say(self, title: str, text: str, severity: str = "info") -> None:
        """Show words in place of a data set."""
        self.opened = None
        with pn.io.hold():
            self.tabs.visible = self.inspect.visible = self.use.visible = False
            self.summary.object = ""
            self.words.objects = [notice(title, text, severity)] if title else []

    async def _show(self, opened: Opened) -> None:
        self.opened = opened
        task = opened.choice.kind
        with pn.io.hold():
            clash = opened.index.meta["clash"]
            self.words.objects = (
                [notice("Classes clash between splits", clash, "error")] if clash else []
            )
            self.summary.object = summary(opened)
            self.inspect.visible = True
            self.inspect.label = "Inspect again" if opened.inspection else "Inspect"
            self.use.visible = "configure" in PAGES and task in TASKS
            self.tabs.visible = True
        await self.images.show(opened, self._values)
        await self._show_view()
        self._values = {}
        name = f"inspect/{opened.key}"
        job = self.sets.jobs.get(name)
        if job is not None and not job.is_over:
            self.work.watch(name, "Inspecting the data set", self._inspected)

    async def _show_view(self) -> None:
        opened = self.opened
        if opened is None:
            return
        view = VIEWS[self.tabs.active]
        if view == "images":
            return
        pane = self._panes[view]
        if opened.inspection is None and view != "augmentation":
            pane.objects = [self._not_inspected()]
            return
        part = self._part(view)
        if pane.objects != [part.view]:
            pane.objects = [part.view]
        await part.show(opened, self._values)

    def _not_inspected(self) -> Any:
        opened = self.opened
        number = 0 if opened is None else len(opened.index)
        start = pmui.Button(label="Inspect the data set", variant="contained", icon="fact_check")
        start.on_click(lambda _: self._inspect())
        return pn.Column(
            notice(
                "Not inspected yet",
                f"An inspection decodes all {number:,} images in a process of its own, holds every "
                "annotation against the data contract, and counts. It is kept until the data change.",
            ),
            start,
            sizing_mode="stretch_width",
        )

    async def _turn(self) -> None:
        self._keep()
        await self._show_view()

    def _turned(self, _event: Any) -> None:
        if self.opened is not None and not self._is_opening:
            self._begin(self._turn())

    # ------------------------------------------------------------------ work of workers

    async def _indexed(self, job: Progress) -> None:
        if job.state == "done":
            await self._load()
        elif job.state == "failed":
            self._say("The data set can't be opened", job.error, "error")
        else:
            self._say("Opening was cancelled", "Change a setting, or reload the page to try again.")

    def _inspect(self) -> None:
        if self.opened is not None:
            name = self.sets.start("inspect", self.opened.choice)
            self.work.watch(name, "Inspecting the data set", self._inspected)

    async def _inspected(self, job: Progress) -> None:
        if job.state == "done":
            if VIEWS[self.tabs.active] == "images":
                self.context.tell("The inspection is done.", "success")
            self._values = self.images.values()
            await self._load()
        elif job.state == "failed":
            self.words.objects = [notice("The inspection failed", job.error, "error")]

    def _repair(self, folder: str, link: bool) -> None:
        opened = self.opened
        if opened is None:
            return
        try:
            if not folder:
                raise _RefusedError("Give a new folder for the copy.")
            out = self.sets.roots.resolve(folder)
            if out.exists() and (not out.is_dir() or any(out.iterdir())):
                raise _RefusedError(
                    f"{folder} is not empty. Give a new folder; nothing is overwritten."
                )
        except (LakesightError, OSError) as error:
            self._part("findings").copied.objects = [
                notice("The copy can't be written there", str(error), "error")
            ]
            return
        self._part("findings").copied.objects = []
        name = self.sets.start("repair", opened.choice, out=str(out), link=link)
        self.work.watch(name, "Writing a repaired copy", self._part("findings").say_copied)

    def _offer_copy(self, choice: Choice) -> None:
        path = in_volume(choice.data)
        if not is_configured():
            text = (
                f"{path} is in a Volume that this machine does not mount. It can be used in a run "
                "on Databricks. To look at it here, set DATABRICKS_HOST and credentials, or "
                "LAKESIGHT_MOUNTS."
            )
            self._say("The data are in a Volume", text)
        else:
            text = f"{path} is in a Volume that this machine does not mount. Copy it here to look at it."
            self._say("The data are in a Volume", text)
            start = pmui.Button(
                label="Copy it to this machine", variant="contained", icon="download"
            )
            start.on_click(lambda _: self._fetch(choice))
            self.words.append(start)
        self.use.visible = "configure" in PAGES

    def _fetch(self, choice: Choice) -> None:
        name = self.sets.start_fetch(choice)
        self.work.watch(name, "Copying from the Volume", self._fetched)

    async def _fetched(self, job: Progress) -> None:
        if job.state == "done":
            await self._load()
        elif job.state == "failed":
            self._say("The Volume can't be copied", job.error, "error")

    def _use(self) -> None:
        self.context.go("configure", set=shlex.join(self.editor.recipe.to_overrides()))


class _RefusedError(LakesightError):
    """A sentence for the page."""
