"""Endpoints of this machine, with real processes: they answer, change hands, survive and come back."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
import urllib.request
from collections import Counter
from pathlib import Path

import pytest

from launch.local import process
from launch.serving.ask import ask
from launch.serving.deploy import deploy, wait
from launch.serving.local.endpoints import LocalEndpoints
from launch.serving.local.requests_log import traffic
from launch.serving.scoring import left_over
from launch.serving.smoke import smoke
from launch.serving.types import EndpointError, EndpointState, RequestRefused

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("warm")]
READY = EndpointState.READY


def labels(endpoints: LocalEndpoints, picture: bytes, times: int = 1) -> Counter[str]:
    """Return how often each version answered."""
    found = [ask(endpoints, "parts", [picture]).answers[0] for _ in range(times)]
    return Counter(answer["classes"][0]["label"] for answer in found)


def test_versions_change_hands_without_a_lost_request(
    endpoints: LocalEndpoints, registered: str, picture: bytes
) -> None:
    made = deploy("parts/1", endpoints=endpoints)
    assert made.name == "parts"
    assert made.state == EndpointState.CREATING
    with pytest.raises(EndpointError, match="CREATING"):
        ask(endpoints, "parts", [picture])
    assert wait(endpoints, "parts").state == READY
    assert labels(endpoints, picture) == {"v1": 1}
    tested = smoke(endpoints, "parts")
    assert tested.ok, tested
    assert tested.served == "parts-1"

    failed: list[Exception] = []
    done = threading.Event()

    def keep_asking() -> None:
        while not done.is_set():
            try:
                ask(endpoints, "parts", [picture])
            except EndpointError as error:
                failed.append(error)

    asking = threading.Thread(target=keep_asking)
    asking.start()
    try:
        deploy("parts@champion", share=10, endpoints=endpoints)
        assert wait(endpoints, "parts").state == READY
    finally:
        done.set()
        asking.join()
    assert not failed
    assert labels(endpoints, picture, 100) == {"v1": 90, "v2": 10}
    with pytest.raises(EndpointError, match="divides its traffic already: parts-1 90 %"):
        deploy("parts/3", share=10, endpoints=endpoints)

    endpoints.roll_back("parts")
    assert [one.name for one in wait(endpoints, "parts").served] == ["parts-1"]
    assert labels(endpoints, picture, 10) == {"v1": 10}
    for shares, says in (
        ({"parts-1": 90}, "add up to 90"),
        ({"parts-3": 100}, "serves no 'parts-3'"),
    ):
        with pytest.raises(EndpointError, match=says):
            endpoints.set_traffic("parts", shares)

    # A version that can't be loaded leaves the present one alone.
    deploy("parts", endpoints=endpoints)  # the newest: the broken one
    ended = wait(endpoints, "parts")
    assert ended.state == EndpointState.UPDATE_FAILED
    assert "the weights are torn" in ended.message
    assert "it goes on with parts-1 100 %" in ended.message
    assert "the weights are torn" in endpoints.logs("parts", "parts-3")
    assert labels(endpoints, picture) == {"v1": 1}
    endpoints.roll_back("parts")
    made = wait(endpoints, "parts")
    assert made.state == READY
    assert_only_callers_of_this_machine(made.url)


def assert_only_callers_of_this_machine(url: str) -> None:
    """A page from elsewhere is not answered, nor is what is too large."""
    for headers, status in (
        ({"Host": "evil.example", "Content-Type": "application/json"}, 400),
        ({"Content-Type": "text/plain"}, 415),
    ):
        request = urllib.request.Request(url, b"{}", headers)
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(request)
        assert caught.value.code == status
    body = json.dumps({"dataframe_split": {"columns": ["image"], "data": [["a" * 17 * 2**20]]}})
    request = urllib.request.Request(url, body.encode(), {"Content-Type": "application/json"})
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request)
    assert caught.value.code == 413
    assert "Send fewer or smaller images" in json.load(caught.value)["message"]


def test_it_survives_what_is_killed(
    endpoints: LocalEndpoints, registered: str, picture: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cvcore.config.schema import ServingConf

    conf = ServingConf(environment_vars={"STUB_MODE": "!"})
    deploy("parts/1", conf=conf, endpoints=endpoints)
    ready = wait(endpoints, "parts")
    assert labels(endpoints, picture) == {"v1!": 1}
    # The caller's fault, the model's fault, the end of its process.
    with pytest.raises(RequestRefused, match="400: row 0: cannot identify image file"):
        ask(endpoints, "parts", [b"hello"])
    with pytest.raises(EndpointError, match="500: version parts-1 failed on this request"):
        ask(endpoints, "parts", [b"bug"])
    assert "a fault of the model" not in endpoints.get("parts").message
    with pytest.raises(EndpointError, match="broke off"):
        ask(endpoints, "parts", [b"die"])
    deadline = time.monotonic() + 60
    while endpoints.get("parts").state == READY and time.monotonic() < deadline:
        time.sleep(0.05)
    assert "is started again" in endpoints.get("parts").message
    assert wait(endpoints, "parts").state == READY
    assert labels(endpoints, picture) == {"v1!": 1}
    # Its manager.
    files = endpoints._files("parts")
    now = files.read_now()
    assert now
    os.kill(process.pid_of(now.manager), signal.SIGKILL)
    while process.is_alive(now.manager):
        time.sleep(0.01)
    down = endpoints.get("parts")
    assert down.state == EndpointState.DOWN
    assert "1 of its processes are left over" in down.message
    endpoints.start("parts")
    again = wait(endpoints, "parts")
    assert again.state == READY
    assert again.url == ready.url
    assert labels(endpoints, picture) == {"v1!": 1}
    seen = traffic(files.requests)
    assert (seen.refused, seen.failed) == (1, 2)
    # A stop lets a request finish.
    answered: list[object] = []
    slow = threading.Thread(target=lambda: answered.append(ask(endpoints, "parts", [b"slow"])))
    slow.start()
    time.sleep(0.4)
    assert endpoints.stop("parts").state == EndpointState.STOPPED
    slow.join()
    assert answered
    assert not left_over(files.folder)
    endpoints.delete("parts")
    assert endpoints.all() == []
    with pytest.raises(EndpointError, match="there is no endpoint 'parts'"):
        endpoints.get("parts")


def test_a_model_that_is_not_there_is_refused_in_words(
    endpoints: LocalEndpoints, registered: str, tmp_path: Path
) -> None:
    for word, says in {
        "parts/9": "has no version 9. Versions: 3, 2, 1",
        "parts@chmpion": "has no alias 'chmpion'",
        "part/1": "Did you mean 'parts'",
        "nothing": "no folder, no submitted run",
        str(tmp_path): "holds no model",
    }.items():
        with pytest.raises(Exception, match=says):
            deploy(word, endpoints=endpoints)
    with pytest.raises(EndpointError, match="1 to 63 letters"):
        deploy("parts/1", name="a b", endpoints=endpoints)
    with pytest.raises(EndpointError, match="gets all of the traffic"):
        deploy("parts/1", share=10, endpoints=endpoints)
    assert endpoints.all() == []
