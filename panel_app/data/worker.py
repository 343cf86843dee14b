"""The process that reads a whole data set: one request on its input, lines of progress on its output.

It ends when its input is closed, so that it never outlives the app. Torch-free.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

from cvcore.config.keys import DATA_SCHEMAS
from cvcore.config.schema import DataConf
from cvcore.errors import LakesightError

log = logging.getLogger(__name__)

_SAY_EVERY_S = 0.15


class Teller:
    """Writes progress, not more often than anybody looks."""

    def __init__(self) -> None:
        """Say nothing yet."""
        self._said_at = 0.0
        self._phase = ""

    def __call__(self, phase: str, done: int, total: int) -> None:
        """Say how far it is."""
        now = time.monotonic()
        if phase != self._phase or now - self._said_at > _SAY_EVERY_S:
            self._phase, self._said_at = phase, now
            say({"phase": phase, "done": done, "total": total})


def say(words: dict[str, Any]) -> None:
    """Write one line for the app."""
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()


def data_conf(values: dict[str, Any]) -> DataConf:
    """Return the group `data` of its values."""
    return DATA_SCHEMAS[values["reader"]](**values)


def work(request: dict[str, Any]) -> dict[str, Any]:
    """Do what is asked for; return its result.

    Raises:
        LakesightError: it can't be done.
    """
    tell = Teller()
    action = request["action"]
    if action == "fetch":
        from panel_app.data.volumes import fetch

        return fetch(request["path"], Path(request["out"]), request["max_bytes"], tell)
    data, kind = data_conf(request["data"]), request["kind"]
    if action == "index":
        from panel_app.data.write_index import write_index

        write_index(data, kind, Path(request["out"]), tell)
        return {}
    from panel_app.data.inspect import write_copy, write_inspection

    if action == "inspect":
        write_inspection(data, kind, Path(request["out"]), tell)
        return {}
    return write_copy(data, kind, Path(request["out"]), request["link"], tell)


def _end_with_the_app() -> None:
    sys.stdin.read()
    os._exit(1)


def main() -> int:
    """Answer one request."""
    if hasattr(os, "nice"):
        os.nice(5)  # the web process goes first
    request = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_the_app, daemon=True).start()
    try:
        say({"result": work(request)})
    except LakesightError as error:
        say({"error": str(error)})
        return 1
    except OSError as error:
        log.exception("a worker of the page Data")
        say({"error": f"{error.filename or 'a file'}: {error.strerror or error}."})
        return 1
    return 0


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    sys.exit(main())
