"""Tasks of a page or a view: held until they end, dropped when it is closed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from cvcore.errors import LakesightError


class Tasks:
    """The event loop keeps no task alive by itself; this does. One per page or view."""

    def __init__(self, told: Callable[[str], None] | None = None) -> None:
        """Start with none.

        Args:
            told: is told in words why one could not be done; None: tasks deal with that themselves.
        """
        self._told = told
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Begin one, in the running loop."""
        task = asyncio.get_running_loop().create_task(self._done(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def close(self) -> None:
        """Drop what is under way."""
        for task in self._tasks:
            task.cancel()

    async def _done(self, work: Coroutine[Any, Any, None]) -> None:
        if self._told is None:
            await work
            return
        try:
            await work
        except (LakesightError, OSError) as error:
            self._told(str(error))
