"""When an endpoint's process was there: the stretches that it noted itself, also over crashes."""

from __future__ import annotations

import json
import time
from pathlib import Path

from launch.local.files import write_json

_FILE = "uptime.json"
_GAP_S = 30.0
"""Two notes within this time are one stretch."""

_KEPT = 500


def note(folder: Path, now: float | None = None) -> None:
    """Note that the endpoint answers now; call it every few seconds."""
    at = time.time() if now is None else now
    stretches = read(folder)
    if stretches and at - stretches[-1][1] <= _GAP_S:
        stretches[-1] = (stretches[-1][0], at)
    else:
        stretches.append((at, at))
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / _FILE, {"stretches": stretches[-_KEPT:]})


def read(folder: Path) -> list[tuple[float, float]]:
    """Return the stretches (from, until), seconds since 1970 (UTC), oldest first."""
    try:
        values = json.loads((folder / _FILE).read_text(encoding="utf-8"))
        return [(float(start), float(end)) for start, end in values["stretches"]]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def availability(folder: Path, since_s: float = 86_400.0, now: float | None = None) -> float | None:
    """Return the share of the last seconds, 0..1, that the endpoint answered; None if never.

    Time before its first note does not count.
    """
    at = time.time() if now is None else now
    stretches = read(folder)
    if not stretches:
        return None
    begin = max(at - since_s, stretches[0][0])
    # Notes are some seconds apart: the last stretch is taken to go on.
    spans = [(start, at if at - end <= _GAP_S else end) for start, end in stretches]
    there = sum(max(min(end, at) - max(start, begin), 0.0) for start, end in spans)
    return min(there / max(at - begin, 1e-9), 1.0)
