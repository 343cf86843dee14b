"""One line per request, and what they say together: rate, errors, latency percentiles."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_MAX_BYTES = 8_000_000


@dataclass(frozen=True)
class Request:
    """A request.

    Attributes:
        at: when it came, seconds since 1970 (UTC).
        served: the version that answered; "" if none did.
        status: of HTTP.
        seconds: until the answer.
        bytes_in: of the request.
        bytes_out: of the answer.
    """

    at: float
    served: str
    status: int
    seconds: float
    bytes_in: int
    bytes_out: int


@dataclass(frozen=True)
class Traffic:
    """What the requests of a time say together.

    Attributes:
        requests: how many.
        refused: 4xx: the caller's fault.
        failed: 5xx.
        per_s: requests per second over the time.
        p50_s, p95_s, p99_s: latency of the answered ones, seconds; None without any.
        by_served: requests by version.
        since_s: the time, seconds.
    """

    requests: int
    refused: int
    failed: int
    per_s: float
    p50_s: float | None
    p95_s: float | None
    p99_s: float | None
    by_served: dict[str, int]
    since_s: float


class RequestsLog:
    """Appends to a file that never grows beyond two parts."""

    def __init__(self, path: Path) -> None:
        """Go on with the file."""
        self._path = path
        self._file = path.open("a", encoding="ascii", buffering=1)

    def add(self, one: Request) -> None:
        """Write a line."""
        values = [round(one.at, 3), one.served, one.status, round(one.seconds, 5)]
        self._file.write(json.dumps([*values, one.bytes_in, one.bytes_out]) + "\n")
        if self._file.tell() > _MAX_BYTES:
            self._file.close()
            self._path.replace(_older(self._path))
            self._file = self._path.open("a", encoding="ascii", buffering=1)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def read(path: Path, since_s: float = math.inf) -> Iterator[Request]:
    """Yield the requests of the last seconds, oldest first; a torn line is left out."""
    after = time.time() - since_s
    for part in (_older(path), path):
        try:
            text = part.read_text(encoding="ascii")
        except OSError:
            continue
        for line in text.splitlines():
            try:
                at, served, status, seconds, bytes_in, bytes_out = json.loads(line)
            except ValueError:
                continue
            if at >= after:
                yield Request(at, served, status, seconds, bytes_in, bytes_out)


def traffic(path: Path, since_s: float = 3600) -> Traffic:
    """Return what the requests of the last seconds say together."""
    return summed(list(read(path, since_s)), since_s)


def summed(found: Sequence[Request], since_s: float) -> Traffic:
    """Return what requests say together.

    Args:
        found: all of the time.
        since_s: the time, seconds.
    """
    answered = sorted(one.seconds for one in found if one.status < 400)
    by_served: dict[str, int] = {}
    for one in found:
        if one.served:
            by_served[one.served] = by_served.get(one.served, 0) + 1
    return Traffic(
        len(found),
        sum(400 <= one.status < 500 for one in found),
        sum(one.status >= 500 for one in found),
        len(found) / since_s,
        percentile(answered, 50),
        percentile(answered, 95),
        percentile(answered, 99),
        by_served,
        since_s,
    )


def percentile(ordered: list[float], percent: float) -> float | None:
    """Return a percentile of sorted values by nearest rank; None of none."""
    if not ordered:
        return None
    return ordered[max(math.ceil(len(ordered) * percent / 100) - 1, 0)]


def _older(path: Path) -> Path:
    return path.with_name(f"{path.stem}.1{path.suffix}")
