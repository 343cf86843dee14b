"""What pages read of the registry: models, versions, facts, cards, gate reports. Blocking, thread-safe.

What can't change (facts and card of a version, a gate report) is read once; the rest at most every
two seconds, however many sessions ask. One of these belongs to each `Services`.
"""

from __future__ import annotations

import re
import threading
import time
import weakref
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

from cvcore.serve.card import FILE as CARD
from cvcore.serve.gate.verdict import Verdict
from cvcore.serve.register.facts import Facts
from launch.registry import shelf
from launch.registry.promote import REPORT, last_verdict
from launch.registry.registry import ModelVersion, RegisteredModel, Registry
from panel_app.media import Answer
from panel_app.services import Services

_FRESH_S = 2.0
_KEPT = 256


class Models:
    """See this module."""

    def __init__(self, services: Services) -> None:
        """Take the ledger; nothing is asked yet. Addresses of cards and facts are answered from now on."""
        self._via: Callable[[], str] = services.tracking.via
        self._lock = threading.Lock()
        self._registry: Registry | None = None
        self._fresh: dict[str, tuple[float, Any]] = {}
        self._kept: OrderedDict[tuple[str, ...], Any] = OrderedDict()
        services.media.register("version-file", self._file)

    def registry(self) -> Registry:
        """Return the registry beside the ledger; another object when the tracking server has moved.

        Raises:
            LakesightError: it can't be opened.
        """
        uri = self._via()
        with self._lock:
            if self._registry is None or self._registry.tracking_uri != uri:
                self._registry = Registry(uri)
            return self._registry

    def all(self) -> list[RegisteredModel]:
        """Return the registered models, by name.

        Raises:
            RegistryError: the registry does not answer.
        """
        found: list[RegisteredModel] = self._asked("", lambda: self.registry().models())
        return found

    def versions(self, model: str) -> list[ModelVersion]:
        """Return the versions of a model, newest first.

        Raises:
            RegistryError: there is no such model, or the registry does not answer.
        """
        found: list[ModelVersion] = self._asked(model, lambda: self.registry().versions(model))
        return found

    def renew(self) -> None:
        """Have the next reads be new ones: something was done."""
        self._fresh.clear()

    def facts(self, version: ModelVersion) -> Facts:
        """Return what is known of a version.

        Raises:
            LakesightError: it was not registered by Lakesight, or its run can't be read.
        """
        found: Facts = self._once(
            ("facts", version.model, version.version, version.run_id),
            lambda: shelf.facts_of(self.registry(), version),
        )
        return found

    def card(self, version: ModelVersion) -> str:
        """Return the model card of a version, Markdown.

        Raises:
            LakesightError: as `facts`.
        """
        found: str = self._once(
            ("card", version.model, version.version, version.run_id),
            lambda: shelf.read(self.registry(), version, CARD),
        )
        return found

    def verdict(self, version: ModelVersion) -> Verdict | None:
        """Return the newest gate report of a version, None if it was never judged.

        Raises:
            LakesightError: it can't be read.
        """
        report = version.tags.get(REPORT, "")
        if not report:
            return None
        found: Verdict | None = self._once(
            ("verdict", version.run_id, report), lambda: last_verdict(self.registry(), version)
        )
        return found

    def _asked(self, what: str, ask: Callable[[], Any]) -> Any:
        at, known = self._fresh.get(what, (0.0, None))
        if time.monotonic() - at < _FRESH_S and known is not None:
            return known
        found = ask()
        self._fresh[what] = (time.monotonic(), found)
        return found

    def _once(self, key: tuple[str, ...], ask: Callable[[], Any]) -> Any:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        found = ask()
        with self._lock:
            self._kept[key] = found
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return found

    def _file(self, values: Mapping[str, Any]) -> Answer:
        version = self.registry().version(str(values["model"]), str(values["version"]))
        name = re.sub(r"[^A-Za-z0-9._-]", "_", f"{version.model}-{version.version}")
        if values["what"] == "card":
            kind = "text/markdown; charset=utf-8"
            return Answer(self.card(version).encode(), kind, f"{name}-MODEL_CARD.md")
        text = self.facts(version).to_json()
        return Answer(text.encode(), "application/json", f"{name}-facts.json")


_known: weakref.WeakKeyDictionary[Services, Models] = weakref.WeakKeyDictionary()
_making = threading.Lock()


def of(services: Services) -> Models:
    """Return the models of a process's services; always the same ones."""
    with _making:
        if services not in _known:
            _known[services] = Models(services)
        return _known[services]
