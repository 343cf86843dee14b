"""An errand's folder below the state folder; whoever comes by reads how it is.

request.json   what was asked for, by whom
process        identity of its process
log.jsonl      its words: [seconds since 1970, text] per line
errors.log     what it wrote besides; of a fault the traceback
canceled       exists once a person asked to stop
outcome.json   {"result": ...} or {"error": a sentence}, once it has ended
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from launch.local import process
from launch.local.files import write_json

_SHARE = re.compile(r"(\d+) of (\d+)")


class ErrandState(StrEnum):
    """How an errand is. LOST: its process is gone without a word."""

    RUNNING = "RUNNING"
    DONE = "DONE"
    FAILED = "FAILED"
    CANCELED = "CANCELED"
    LOST = "LOST"


@dataclass(frozen=True)
class Request:
    """What was asked for.

    Attributes:
        kind: of `kinds.KINDS`.
        arguments: for its function; JSON-able.
        subject: what it is about: a model's or an endpoint's name, where people look for it.
        title: what is done, in words.
        command: that does the same.
        user: who asked.
        at: seconds since 1970 (UTC).
    """

    kind: str
    arguments: Mapping[str, Any]
    subject: str
    title: str
    command: str
    user: str
    at: float


@dataclass(frozen=True)
class Errand:
    """An errand as it is now.

    Attributes:
        id: of it.
        request: what was asked for.
        state: how it is.
        line: what it said last.
        share: of its present step that is done, 0..1; None: it does not say.
        left_s: seconds that this step will still take; None: not known.
        ended_at: seconds since 1970 (UTC); 0.0 before.
        error: why it failed, in a sentence.
        result: what it gave.
    """

    id: str
    request: Request
    state: ErrandState
    line: str = ""
    share: float | None = None
    left_s: float | None = None
    ended_at: float = 0.0
    error: str = ""
    result: Mapping[str, Any] = field(default_factory=dict)


class ErrandFiles:
    """Reads and writes an errand's folder."""

    def __init__(self, folder: Path) -> None:
        """Take the folder; nothing is touched."""
        self.folder = folder
        self.request_file = folder / "request.json"
        self.process_file = folder / "process"
        self.log = folder / "log.jsonl"
        self.errors = folder / "errors.log"
        self.canceled = folder / "canceled"
        self.outcome = folder / "outcome.json"

    def write_request(self, request: Request) -> None:
        """Make the folder; for the owner's eyes."""
        self.folder.mkdir(parents=True, mode=0o700)
        write_json(self.request_file, vars(request), mode=0o600)

    def read_request(self) -> Request | None:
        """Return what was asked for; None: this is no errand, or not yet."""
        values = _json(self.request_file)
        with contextlib.suppress(TypeError):
            return Request(**values) if values else None
        return None

    @property
    def process(self) -> str:
        """The identity of its process, "" before there is one."""
        with contextlib.suppress(OSError):
            return self.process_file.read_text(encoding="ascii").strip()
        return ""

    def write_process(self, pid: int) -> None:
        """Say which process does it; whoever reads meanwhile sees it whole or not at all."""
        part = self.folder / f".process.{os.getpid()}.part"
        part.write_text(process.identity(pid), encoding="ascii")
        part.replace(self.process_file)

    def end(self, outcome: Mapping[str, Any]) -> None:
        """Say how it ended."""
        write_json(self.outcome, dict(outcome), mode=0o600)

    def read(self) -> Errand | None:
        """Return how it is, None where there is no errand."""
        request = self.read_request()
        if request is None:
            return None
        lives = process.is_alive(self.process)
        # After it was looked whether it lives: it may have ended in between.
        outcome = _json(self.outcome)
        words = self._words()
        line = words[-1][1] if words else ""
        if outcome is None and lives:
            share, left_s = progress(words)
            return Errand(self.folder.name, request, ErrandState.RUNNING, line, share, left_s)
        ended_at = _mtime(self.outcome) or _mtime(self.log) or request.at
        state, error, result = ErrandState.DONE, "", {}
        if self.canceled.exists() and "result" not in (outcome or {}):
            state = ErrandState.CANCELED
        elif outcome is None:
            state = ErrandState.LOST
            error = "Its process is gone without a word: killed, or the machine went down. Start it again."
        elif "error" in outcome:
            state, error = ErrandState.FAILED, str(outcome["error"])
        else:
            result = outcome.get("result", {})
        return Errand(self.folder.name, request, state, line, None, None, ended_at, error, result)

    def _words(self) -> list[tuple[float, str]]:
        words = []
        with contextlib.suppress(OSError):
            for text in self.log.read_text(encoding="utf-8").splitlines()[-500:]:
                with contextlib.suppress(ValueError, TypeError):
                    at, said = json.loads(text)
                    words.append((float(at), str(said)))
        return words


def progress(words: list[tuple[float, str]]) -> tuple[float | None, float | None]:
    """Return the share that is done and the seconds left, of words that say "3 of 18".

    Example:
        >>> progress([(0.0, "blur (1 of 4)"), (2.0, "noise (2 of 4)"), (4.0, "jpeg (3 of 4)")])
        (0.5, 4.0)
    """
    steps: list[tuple[float, int, int]] = []
    for at, said in reversed(words):
        found = _SHARE.search(said)
        if found is None or (steps and int(found[2]) != steps[-1][2]):
            break
        steps.append((at, int(found[1]), int(found[2])))
    if not steps or not steps[0][2]:
        return None, None
    (newest, number, total), (oldest, first, _) = steps[0], steps[-1]
    share = max(number - 1, 0) / total
    if number <= first:
        return share, None
    return share, (newest - oldest) / (number - first) * (total - number + 1)


def _json(path: Path) -> dict[str, Any] | None:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return values if isinstance(values, dict) else None


def _mtime(path: Path) -> float:
    with contextlib.suppress(OSError):
        return path.stat().st_mtime
    return 0.0
