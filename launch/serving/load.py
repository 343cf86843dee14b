"""A load test of a local endpoint: how many answers per second, how fast; bounded, this machine only."""

from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field

from launch.serving.ask import body_of
from launch.serving.local.requests_log import percentile
from launch.serving.types import EndpointError, Endpoints

MOST_SECONDS = 300.0
MOST_CALLERS = 32
_ANSWER_S = 60


@dataclass(frozen=True)
class Load:
    """What came of it.

    Attributes:
        requests: answered or refused.
        errors: how many got no answer.
        seconds: how long it took.
        per_s: answers per second.
        p50_s, p95_s, p99_s: latency, seconds; None without answers.
        callers: who asked at once.
        statuses: of HTTP, by number; 0: no connection.
    """

    requests: int
    errors: int
    seconds: float
    per_s: float
    p50_s: float | None
    p95_s: float | None
    p99_s: float | None
    callers: int
    statuses: dict[int, int] = field(default_factory=dict)


def load(
    endpoints: Endpoints, name: str, image: bytes, seconds: float = 10.0, callers: int = 4
) -> Load:
    """Let callers ask one after the other for a while.

    Args:
        endpoints: of this machine.
        name: of an endpoint that answers.
        image: encoded.
        seconds: how long, at most MOST_SECONDS.
        callers: how many at once, at most MOST_CALLERS.

    Raises:
        EndpointError: it is not of this machine, does not answer, or that is too much.
    """
    endpoint = endpoints.get(name)
    if endpoint.place != "local":
        raise EndpointError("a load test is for endpoints of this machine only.")
    if not endpoint.url:
        raise EndpointError(f"endpoint {name} is {endpoint.state}: {endpoint.message}")
    if not (0 < seconds <= MOST_SECONDS and 1 <= callers <= MOST_CALLERS):
        raise EndpointError(
            f"a load test takes up to {MOST_SECONDS:.0f} s and {MOST_CALLERS} callers, not "
            f"{seconds:g} s and {callers}."
        )
    data = json.dumps(body_of([image])).encode()
    found: list[tuple[int, float]] = []
    until = time.monotonic() + seconds
    threads = [
        threading.Thread(target=_call, args=(endpoint.url, data, until, found), daemon=True)
        for _ in range(callers)
    ]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.monotonic() - started
    answered = sorted(s for status, s in found if status == 200)
    statuses: dict[int, int] = {}
    for status, _ in found:
        statuses[status] = statuses.get(status, 0) + 1
    return Load(
        len(found),
        len(found) - len(answered),
        took,
        len(answered) / took,
        percentile(answered, 50),
        percentile(answered, 95),
        percentile(answered, 99),
        callers,
        statuses,
    )


def _call(url: str, data: bytes, until: float, found: list[tuple[int, float]]) -> None:
    headers = {"Content-Type": "application/json"}
    while time.monotonic() < until:
        started = time.perf_counter()
        request = urllib.request.Request(url, data, headers)  # noqa: S310 (a loopback address)
        try:
            with urllib.request.urlopen(request, timeout=_ANSWER_S) as got:  # noqa: S310
                got.read()
                status = 200
        except urllib.error.HTTPError as error:
            error.close()
            status = error.code
        except OSError:
            status = 0
            time.sleep(0.05)
        found.append((status, time.perf_counter() - started))
