"""When the app was there, noted by itself; the page Monitor tells it, also of the time before a restart."""

from __future__ import annotations

import logging
from pathlib import Path

from tornado.ioloop import IOLoop, PeriodicCallback

from launch.local.queue import state_dir
from launch.monitor import uptime

log = logging.getLogger(__name__)

_EVERY_MS = 10_000


def folder() -> Path:
    """Return where it is noted: on an app of Databricks on its disk, which goes with each deployment."""
    return state_dir() / "monitor" / "app"


def keep_noting(loop: IOLoop) -> None:
    """Note it now and from then on, off the event loop."""

    async def note() -> None:
        await loop.run_in_executor(None, _note)

    loop.add_callback(note)
    PeriodicCallback(note, _EVERY_MS).start()


def _note() -> None:
    try:
        uptime.note(folder())
    except OSError as error:
        log.warning("the app's uptime can't be noted: %s", error)
