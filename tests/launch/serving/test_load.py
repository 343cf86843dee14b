"""Many callers at once on an endpoint of this machine: no request is lost, the latency is told truly."""

from __future__ import annotations

import threading
import time
from collections import Counter

import pytest

from launch.serving.ask import ask
from launch.serving.deploy import deploy, wait
from launch.serving.load import load
from launch.serving.local.endpoints import LocalEndpoints
from launch.serving.local.requests_log import traffic
from launch.serving.types import EndpointError, EndpointState, RequestRefused

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("warm")]
_CALLERS = 8


def test_many_callers_lose_no_request(
    endpoints: LocalEndpoints, registered: str, picture: bytes
) -> None:
    deploy("parts/1", endpoints=endpoints)
    assert wait(endpoints, "parts").state == EndpointState.READY
    refused: Counter[str] = Counter()
    done = threading.Event()

    def send_bad_images() -> None:
        # Among the others: each gets its own 400, none of their answers.
        while not done.is_set():
            try:
                ask(endpoints, "parts", [b"no image"])
            except RequestRefused as error:
                refused[str(error)[:22]] += 1

    bad = threading.Thread(target=send_bad_images)
    bad.start()
    began = time.monotonic()
    try:
        told = load(endpoints, "parts", picture, seconds=2.0, callers=_CALLERS)
    finally:
        done.set()
        bad.join()
    took = time.monotonic() - began
    assert told.statuses == {200: told.requests}
    assert told.errors == 0
    assert told.requests > _CALLERS
    assert set(refused) == {"the endpoint says 400:"}
    # What it says of time can be: callers wait for each other, and together for all of it.
    assert told.p50_s is not None
    assert told.p95_s is not None
    assert told.p99_s is not None
    assert 0 < told.p50_s <= told.p95_s <= told.p99_s <= took
    assert told.per_s == pytest.approx(told.requests / told.seconds)
    assert told.requests * told.p50_s < 3 * _CALLERS * took
    # And the endpoint's own log has as many.
    seen = traffic(endpoints.requests_log("parts"), 3600)
    assert seen.requests == told.requests + sum(refused.values())
    one = ask(endpoints, "parts", [picture])
    assert one.model_s is not None
    assert 0 < one.model_s <= one.seconds
    for wrong in ({"callers": 33}, {"seconds": 301.0}, {"seconds": 0.0}):
        with pytest.raises(EndpointError, match="a load test takes"):
            load(endpoints, "parts", picture, **wrong)
