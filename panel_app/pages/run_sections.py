"""What a run's page has beside its curves. Made when it is first looked at: a tab pays for what it shows."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import panel as pn

from cvcore.errors import LakesightError
from launch.evaluation.submit import SOURCE
from launch.ledger_run import LedgerRun
from panel_app.artifacts import Frame
from panel_app.background.feed import Feed
from panel_app.router import query
from panel_app.rows import Details
from panel_app.safe import safe
from panel_app.services import Services
from panel_app.views.filmstrip import filmstrip
from panel_app.views.output import Output
from panel_app.views.params import Parameters
from panel_app.views.results import results

_LINK = "color:var(--panel-primary-color)"


class Section(Protocol):
    """A part of one run's page.

    Attributes:
        view: what is shown.
    """

    view: Any

    def looked_at(self, run_id: str) -> None:
        """Somebody turns to it."""
        ...

    def show(self, details: Details, feed: Feed) -> None:
        """Show the run as it is; called every second or so."""
        ...

    def send(self, feed: Feed) -> None:
        """Send what came since; called each time that something came."""
        ...

    async def read(self, run: LedgerRun) -> None:
        """Look for the run's files, and say so where they can't be read; called every few seconds."""
        ...


class _Plain:
    """A section that has nothing to send and no files."""

    def looked_at(self, run_id: str) -> None:
        """Nothing is to be done."""

    def show(self, details: Details, feed: Feed) -> None:
        """Nothing is to be shown of the run itself."""

    def send(self, feed: Feed) -> None:
        """Nothing is sent."""

    async def read(self, run: LedgerRun) -> None:
        """No file is looked for."""


class _Results(_Plain):
    """Figures of the newest evaluation, and the reports of all."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._reports = pn.pane.HTML("", sizing_mode="stretch_width", margin=(4, 10))
        self._figures = pn.pane.HTML("", sizing_mode="stretch_width", margin=(8, 10))
        self.view = pn.Column(self._reports, self._figures, sizing_mode="stretch_width")

    def show(self, details: Details, feed: Feed) -> None:  # noqa: ARG002 (the protocol's)
        text = results(details.run.metrics, details.row.metric)
        put(self._figures, text or "Figures come with the first evaluation.")

    async def read(self, run: LedgerRun) -> None:
        try:
            found = await asyncio.to_thread(self._services.artifacts.reports, run)
        except LakesightError as error:
            put(self._reports, safe(error))
        else:
            put(self._reports, self._links(run, found))

    def _links(self, run: LedgerRun, reports: Mapping[str, str]) -> str:
        style = f"{_LINK};font-weight:600"
        links = [
            f'<a href="{safe(self._services.media.url("report", run=run.run_id, path=path))}" '
            f'target="_blank" rel="noopener" style="{style}">Evaluation report on {safe(split)}</a>'
            for split, path in reports.items()
        ]
        if links:
            address = safe(query(page="evaluate", run=run.tags.get(SOURCE) or run.run_id))
            links.append(
                f'<a href="{address}" style="{style}">All of it, with every image, under Evaluate</a>'
            )
        return " &nbsp;&middot;&nbsp; ".join(links)


class _Predictions(_Plain):
    """The same images at each evaluation."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._frames: tuple[Frame, ...] | None = None
        self.view = pn.pane.HTML("Reading ...", sizing_mode="stretch_width", margin=(8, 10))

    async def read(self, run: LedgerRun) -> None:
        try:
            frames = await asyncio.to_thread(self._services.artifacts.frames, run)
        except LakesightError as error:
            put(self.view, safe(error))
            return
        if frames != self._frames:
            self._frames = frames
            put(self.view, self._film(run.run_id))

    def _film(self, run_id: str) -> str:
        if not self._frames:
            return (
                "Pictures come with the first evaluation: the same images each time "
                "(<code>tracking.num_images</code> of them)."
            )
        return (
            '<p style="margin:0 0 10px;font-size:13px;opacity:.8">The same images at each evaluation: '
            "truth left, prediction right; the newest is at the right end.</p>"
            f"{filmstrip(run_id, self._frames, self._services.media)}"
        )


class _Written(_Plain):
    """What the run writes, and a link that downloads all of it."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._output = Output(sizing_mode="stretch_width", margin=(4, 10))
        self._download = pn.pane.HTML("", margin=(4, 10))
        self._followed: Any = None
        self.view = pn.Column(self._output, self._download, sizing_mode="stretch_width")

    def looked_at(self, run_id: str) -> None:
        url = safe(self._services.media.url("output", run=run_id, at=time.time()))
        self._download.object = f'<a href="{url}" style="{_LINK}">Download the output</a>'

    def show(self, details: Details, feed: Feed) -> None:  # noqa: ARG002 (the protocol's)
        # What `lakesight train` wrote went to where it was started.
        self._download.visible = details.run.is_submitted

    def send(self, feed: Feed) -> None:
        if self._followed is not feed.output:
            self._followed = feed.output
            self._output.follow(feed.output)
        self._output.send()


class _Started(_Plain):
    """The parameters that the run was started with."""

    def __init__(self, services: Services) -> None:
        self._parameters = Parameters(services)
        self.view = self._parameters.view

    def show(self, details: Details, feed: Feed) -> None:  # noqa: ARG002 (the protocol's)
        self._parameters.show(details.run)


SECTIONS: Mapping[str, Callable[[Services], Section]] = {
    "results": _Results,
    "predictions": _Predictions,
    "output": _Written,
    "parameters": _Started,
}
"""Name in the address -> what makes it."""


def put(pane: Any, text: str) -> None:
    """Show a text; one that is there already is not sent again."""
    if pane.object != text:
        pane.object = text
