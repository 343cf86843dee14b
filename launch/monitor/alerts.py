"""Alerts of an endpoint: each fires once, is told once, and resolves. What is open survives restarts.

Told in the log of the process, and to the webhook of `LAKESIGHT_ALERT_WEBHOOK`. On Databricks a scheduled job
that runs `lakesight monitor NAME --check` fails while one is open: the job's own notifications send e-mail.
"""

from __future__ import annotations

import fcntl
import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from launch.local.files import write_json
from launch.monitor.webhook import send

log = logging.getLogger(__name__)

_KEPT = 200


@dataclass(frozen=True)
class Alert:
    """Something that somebody should know.

    Attributes:
        key: what it is about: "state", "errors", "latency", "drift/brightness".
        message: one sentence.
        since: seconds since 1970 (UTC).
        until: when it resolved; None while it is open.
        told: whether the webhook has taken its last change; True where there is none.
    """

    key: str
    message: str
    since: float
    until: float | None = None
    told: bool = False

    @property
    def is_open(self) -> bool:
        """Whether it still is so."""
        return self.until is None


class Alerts:
    """Those of one endpoint; any process may look."""

    def __init__(
        self,
        folder: Path,
        endpoint: str,
        tell: Callable[[str, Alert], bool] = send,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Take the place.

        Args:
            folder: of the endpoint's records.
            endpoint: its name, for the words.
            tell: sends an alert on; False: it did not arrive, and is sent again next time.
            now: seconds since 1970 (UTC).
        """
        self._folder, self._file = folder, folder / "alerts.json"
        self._endpoint, self._tell, self._now = endpoint, tell, now

    def all(self) -> list[Alert]:
        """Return them, the open ones first, then the newest."""
        try:
            values = json.loads(self._file.read_text(encoding="utf-8"))
            found = [Alert(**one) for one in values["alerts"]]
        except (OSError, ValueError, KeyError, TypeError):
            return []
        return sorted(found, key=lambda one: (not one.is_open, -(one.until or one.since)))

    def update(self, judged: Mapping[str, str | None]) -> list[Alert]:
        """Take what was judged; return what has changed, told.

        Args:
            judged: key -> what is wrong, None if nothing is. What is left out stays as it was.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / "alerts.lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            there = self.all()
            opened = {one.key: one for one in there if one.is_open}
            past = [one for one in there if not one.is_open]
            changed = set()
            for key, message in judged.items():
                if message is None and key in opened:
                    past.insert(0, replace(opened.pop(key), until=self._now(), told=False))
                    changed.add(key)
                elif message is not None and key not in opened:
                    opened[key] = Alert(key, message, self._now())
                    changed.add(key)
                elif message is not None and message != opened[key].message:
                    opened[key] = replace(opened[key], message=message)
            after = [self._told(one, one.key in changed) for one in (*opened.values(), *past)]
            if after != there:
                write_json(self._file, {"alerts": [asdict(one) for one in after[:_KEPT]]})
        newest = {one.key: one for one in reversed(after) if one.key in changed}
        return list(newest.values())

    def _told(self, alert: Alert, is_new: bool) -> Alert:
        if is_new and alert.is_open:
            log.warning("ALERT %s %s: %s", self._endpoint, alert.key, alert.message)
        elif is_new:
            log.warning("resolved %s %s: it was: %s", self._endpoint, alert.key, alert.message)
        return alert if alert.told else replace(alert, told=self._tell(self._endpoint, alert))
