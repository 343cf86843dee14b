"""One line of the activity log."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

ACTIONS = (
    "launch",
    "cancel",
    "resume",
    "register",
    "promote",
    "rollback",
    "deploy",
    "traffic",
    "start",
    "stop",
    "delete",
)
"""What is recorded."""


@dataclass(frozen=True)
class Entry:
    """Something that somebody did.

    Attributes:
        at: when it had ended, seconds since 1970 (UTC).
        user: who; "" if the account has no name.
        action: one of `ACTIONS`.
        subject: what it was done to: "run digits", "endpoint parts", "model parts".
        outcome: "done", or "refused" if it could not be.
        detail: more words by name, e.g. {"version": "3"}; "error" of a refused one.
        host: the machine that it was done from.
    """

    at: float
    user: str
    action: str
    subject: str
    outcome: str = "done"
    detail: Mapping[str, str] = field(default_factory=dict)
    host: str = ""

    def to_json(self) -> str:
        """Return it as a line of JSON."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def of(cls, line: str) -> Entry | None:
        """Return the entry of a line; None of a torn or strange one."""
        try:
            values: dict[str, Any] = json.loads(line)
            detail = {str(key): str(value) for key, value in values["detail"].items()}
            words = {key: str(values[key]) for key in ("user", "action", "subject")}
            rest = {key: str(values.get(key, "")) for key in ("outcome", "host")}
            return cls(at=float(values["at"]), detail=detail, **words, **rest)
        except (ValueError, KeyError, TypeError, AttributeError):
            return None

    def matches(self, words: str) -> bool:
        """Whether each of some words occurs in it, whatever its case."""
        text = " ".join((self.user, self.action, self.subject, self.outcome, self.host))
        text = f"{text} {' '.join(f'{k}={v}' for k, v in self.detail.items())}".casefold()
        return all(word in text for word in words.casefold().split())
