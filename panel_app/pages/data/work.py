"""What workers do for the page Data: watched until it is over, one of them shown."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import panel as pn

from panel_app.data.jobs import Jobs, Progress
from panel_app.pages.data.progress import Working


class Work:
    """The jobs that a page waits for."""

    def __init__(self, jobs: Jobs) -> None:
        """Wait for nothing yet.

        Args:
            jobs: of the process.
        """
        self.view = pn.Column(sizing_mode="stretch_width")
        self._all = jobs
        self._watched: dict[str, tuple[str, Callable[[Progress], Any]]] = {}
        self._shown = ""
        self._working: Working | None = None

    def watch(self, name: str, title: str, ended: Callable[[Progress], Any]) -> None:
        """Show how far a job is, until it is over.

        Args:
            name: of the job.
            title: what it does, in words.
            ended: is called once with how it ended; may be a coroutine function.
        """
        self._watched[name] = (title, ended)
        job = self._all.get(name)
        if job is not None and not job.is_over:
            self._show(name, title, job)

    async def refresh(self) -> None:
        """Look how far they are."""
        for name, (title, ended) in list(self._watched.items()):
            job = self._all.get(name)
            if job is None:
                del self._watched[name]
            elif job.is_over:
                del self._watched[name]
                found = ended(job)
                if asyncio.iscoroutine(found):
                    await found
            else:
                self._show(name, title, job)
        if not self._watched and self._working is not None:
            self._working.hide()

    def _show(self, name: str, title: str, job: Progress) -> None:
        self._shown = name
        if self._working is None:
            self._working = Working(self._cancel)
            self.view.append(self._working.view)
        self._working.show(title, job)

    def _cancel(self) -> None:
        self._all.cancel(self._shown)
