"""Looks at endpoints for all sessions: each look is some seconds old at most. Blocking, thread-safe."""

from __future__ import annotations

import contextlib
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from typing import Any

from cvcore.errors import LakesightError
from launch.activity.export import exported
from launch.activity.log import ActivityLog
from launch.errors import LaunchError
from launch.monitor import settings, watch
from launch.monitor.requests import HOUR_S, Seen, seen_by
from launch.monitor.store import Store
from launch.serving.places import get_place, has_workspace
from launch.serving.types import Endpoint
from panel_app.media import Answer
from panel_app.services import Services

_FRESH_S = 3.0
_KEPT_S = 900.0
WAREHOUSE_S = 300.0
"""How old requests of Model Serving may be: each look at them keeps a SQL warehouse awake, which costs."""


class Reader:
    """See this module. Holds nothing of a session."""

    def __init__(self, services: Services) -> None:
        """Answer addresses of recorded pictures and of the activity log from now on."""
        self._lock, self._recording = threading.Lock(), threading.Lock()
        self._fresh: dict[tuple[str, ...], tuple[float, Any]] = {}
        services.media.register("recorded", _picture)
        services.media.register("activity", _activity)

    def endpoints(self) -> tuple[list[Endpoint], str]:
        """Return all endpoints, and in words what could not be asked."""
        found: tuple[list[Endpoint], str] = self._of(("endpoints",), _endpoints)
        return found

    def look(self, place: str, name: str) -> watch.Look:
        """Return how an endpoint is.

        Raises:
            LakesightError: there is none, or its place can't be asked.
        """
        seen = self.seen(place, name, HOUR_S)
        found: watch.Look = self._of(
            ("look", place, name), lambda: watch.look(get_place(place), name, seen)
        )
        return found

    def seen(self, place: str, name: str, since_s: float) -> Seen:
        """Return what an endpoint was asked in the last seconds; of Databricks minutes old at most.

        Raises:
            LakesightError: there is none, or its place can't be asked.
        """
        endpoints = get_place(place)
        fresh_s = _FRESH_S if place == "local" else WAREHOUSE_S
        # One at a time: to read the log of Model Serving is to record what is new in it.
        alone: contextlib.AbstractContextManager[Any] = self._recording
        with contextlib.nullcontext() if place == "local" else alone:
            found: Seen = self._of(
                ("seen", place, name, str(since_s)),
                lambda: seen_by(endpoints, endpoints.get(name), since_s),
                fresh_s,
            )
        return found

    def _of(self, key: tuple[str, ...], read: Callable[[], Any], fresh_s: float = _FRESH_S) -> Any:
        with self._lock:
            at, value = self._fresh.get(key, (float("-inf"), None))
        if time.monotonic() - at > fresh_s:
            value = read()  # without the lock: a workspace that is slow holds up nobody else
            with self._lock:
                now = time.monotonic()
                self._fresh = {k: v for k, v in self._fresh.items() if now - v[0] < _KEPT_S}
                self._fresh[key] = (now, value)
        return value


_readers: weakref.WeakKeyDictionary[Services, Reader] = weakref.WeakKeyDictionary()
_making = threading.Lock()


def of(services: Services) -> Reader:
    """Return the reader of a process's services."""
    with _making:
        if services not in _readers:
            _readers[services] = Reader(services)
        return _readers[services]


def _endpoints() -> tuple[list[Endpoint], str]:
    found = list(get_place("local").all())
    if has_workspace():
        try:
            found += get_place("databricks").all()
        except LakesightError as error:
            return found, f"Databricks can't be asked: {error}"
    return found, ""


def _picture(values: Mapping[str, Any]) -> Answer:
    path = Store(settings.folder_of(str(values["place"]), str(values["name"]))).picture(
        str(values["key"])
    )
    if path is None:
        raise LaunchError("this picture is not kept any more")
    return Answer(path.read_bytes(), "image/jpeg")


def _activity(values: Mapping[str, Any]) -> Answer:
    form = str(values["form"])
    found = ActivityLog().find(str(values["q"]), str(values["action"]), most=None)
    kind = "text/csv" if form == "csv" else "application/jsonl"
    return Answer(
        exported(found, form).encode(), f"{kind}; charset=utf-8", f"lakesight-activity.{form}"
    )
