"""Where a test plugs in what a serving endpoint answers; the double never invents predictions."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable
from typing import Any

# Takes the request's body, returns the answer's body.
Answering = Callable[[dict[str, Any]], dict[str, Any]]


class Handlers:
    """Functions by endpoint name."""

    def __init__(self) -> None:
        """Start without any."""
        self._by_name: dict[str, Answering] = {}

    def plug(self, name: str, answer: Answering) -> None:
        """Let `answer` serve the endpoints whose name matches the glob `name`."""
        self._by_name[name] = answer

    def find(self, name: str) -> Answering | None:
        """Return the function for this endpoint."""
        for pattern, answer in self._by_name.items():
            if fnmatch.fnmatchcase(name, pattern):
                return answer
        return None
