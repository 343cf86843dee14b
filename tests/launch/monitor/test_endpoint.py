"""An endpoint that is watched: a real one, its recorder, drift, alerts to a real webhook, the command."""

import base64
import json
import shlex
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import cv2
import numpy as np
import pytest

from cvcore.cli.main import main
from cvcore.config.composer import load
from cvcore.config.schema import MonitoringConf
from cvcore.data.labels import LabelSpace
from cvcore.data.readers import open_splits
from cvcore.data.records import Category, ImageRef, ListSplit, Record
from cvcore.errors import ConfigError
from cvcore.monitor import reference
from cvcore.monitor.answers import Said
from cvcore.serve import artifact
from launch.errors import LaunchError
from launch.monitor import settings, uptime, watch
from launch.monitor.alerts import Alerts
from launch.monitor.hard import export, hardest
from launch.monitor.inference_table import read_into
from launch.monitor.record import Record as Recorded
from launch.monitor.recorder import Recorder
from launch.monitor.store import Store
from launch.monitor.webhook import check
from launch.serving.deploy import deploy, wait
from launch.serving.local.endpoints import LocalEndpoints
from launch.serving.types import Endpoint, EndpointState, RequestRefused, Served

pytestmark = pytest.mark.usefixtures("warm")


def png(image_HW3: np.ndarray) -> bytes:
    return cv2.imencode(".png", image_HW3[..., ::-1])[1].tobytes()


def body(image_HW3: np.ndarray) -> dict:
    return {"dataframe_records": [{"image": base64.b64encode(png(image_HW3)).decode()}]}


def noise(rng: np.random.Generator, high: int) -> np.ndarray:
    return rng.integers(0, high, (48, 64, 3)).astype(np.uint8)


@pytest.fixture
def webhook(monkeypatch: pytest.MonkeyPatch):
    got: list[dict] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("LAKESIGHT_ALERT_WEBHOOK", f"http://127.0.0.1:{server.server_port}/x")
    yield got
    server.shutdown()
    server.server_close()


def trained(folder: Path, images: list[np.ndarray]) -> None:
    """Write what a training on these images leaves beside its model."""
    split = ListSplit(
        "train", (), [Record(i, ImageRef(data=png(one))) for i, one in enumerate(images)]
    )
    labels = LabelSpace.over([[Category(7, "v1"), Category(9, "other")]])
    folder.mkdir(parents=True)
    artifact.write(folder, artifact.of_run(load(["task=classification"]), labels, "abc"))
    known = reference.of_images(split, "abc", 10**7)
    said = [((48, 64), [Said("v1", 1.0)]) for _ in images]
    reference.write(folder, reference.with_answers(known, said))


def test_what_it_saw_is_recorded_compared_told_and_exported(
    endpoints: LocalEndpoints,
    registered: str,
    webhook: list[dict],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    rng = np.random.default_rng(0)
    conf = MonitoringConf(record_per_s=100, record_side_px=32, drift_least=20, drift_images=25)
    deploy(f"{registered}/1", monitoring=conf, endpoints=endpoints)
    assert wait(endpoints, "parts").state == "READY"
    trained(
        endpoints.models_dir("parts") / "parts-1" / "artifacts" / "best",
        [noise(rng, 256) for _ in range(60)],
    )
    store = Store(settings.folder_of("local", "parts"))

    def see(high: int) -> watch.Look:
        before = len(store.newest(1000))
        until = time.monotonic() + 30
        while len(store.newest(1000)) < before + 25:  # a full queue leaves some out
            assert time.monotonic() < until
            endpoints.post("parts", body(noise(rng, high)))
        return watch.check(endpoints, "parts")[0]

    bright = see(256)
    # Which images a busy recorder leaves out is chance: of the other features nothing is promised.
    assert {one.feature: one.verdict for one in bright.drift}["brightness"] == "stable", (
        bright.drift
    )
    assert bright.traffic is not None
    assert bright.traffic.requests >= 25
    newest = store.newest(1)[0]
    assert (newest.served, newest.size_hw, newest.picture_hw) == ("parts-1", (48, 64), (24, 32))
    assert newest.said == (Said("v1", 1.0),)
    assert newest.labels
    with pytest.raises(RequestRefused):
        endpoints.post("parts", {"dataframe_records": [{"image": "aGVsbG8="}]})

    dark = see(40)
    assert dark.verdict == "drifted"
    told = {one["alert"]: one["state"] for one in webhook}
    assert told["drift/brightness"] == "firing"
    assert "drift/classes" not in told
    count = len(webhook)
    assert main(["monitor", "parts", "--check"]) == 1
    assert "brightness: not as in training" in capsys.readouterr().out
    assert len(webhook) == count  # it is told once

    hard = tmp_path / "hard, (1)"
    assert main(["monitor", "parts", "--hard", "10", "--to", str(hard)]) == 0
    printed = capsys.readouterr().out
    assert "task=classification data=image_folder" in printed
    assert len(list(hard.rglob("v1/*.jpg"))) == 10
    # What is printed can be pasted, whatever the folder is called.
    [look] = [line for line in printed.splitlines() if line.startswith("Look at them:")]
    assert main(shlex.split(look)[4:]) == 0
    assert "10 images" in capsys.readouterr().out
    assert main(["monitor", "parts", "--hard", "10", "--to", str(hard)]) == 2

    see(256)
    assert "drift/brightness" in {one["alert"] for one in webhook if one["state"] == "resolved"}
    assert main(["monitor", "part"]) == 2
    assert "Did you mean 'parts'" in capsys.readouterr().err


def test_objects_become_coco_that_the_reader_reads(tmp_path: Path) -> None:
    labels = LabelSpace.over([[Category(3, "cat"), Category(5, "dog")]])
    store = Store(tmp_path / "monitor")
    for number in range(6):
        said = (Said("dog", 0.3 + number / 10, (10.0, 20.0, 110.0, 60.0)), Said("gone", 0.9))
        jpeg = cv2.imencode(".jpg", np.zeros((50, 100, 3), np.uint8))[1].tobytes()
        store.add(
            Recorded(f"k{number}", number, "v", "", 0.1, (100, 200), (50, 100), {}, said), jpeg
        )
    hard = hardest(store.newest(10), None, 5)
    assert [one.record.key for one in hard] == ["k0", "k1", "k2", "k3", "k4"]
    done = export(hard, store, labels, "detection", tmp_path / "out")
    assert (done.num_images, done.num_labels) == (5, 5)
    conf = load(list(done.overrides))
    splits = open_splits(conf.data, "detection")
    record = splits["val"][0]
    assert (len(splits["train"]), len(splits["val"])) == (4, 1)
    assert record.annotations[0].bbox_xywh == (5.0, 10.0, 50.0, 20.0)
    assert record.annotations[0].source_category == 5


def test_old_parts_go_and_the_newest_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("launch.monitor.store.PART", 2)
    store = Store(tmp_path, most_mib=0.01)
    for number in range(10):
        store.add(Recorded(f"k{number}", number, "v", "", 0.1, (1, 1)), b"x" * 3000)
    kept = [one.key for one in Store(tmp_path).newest(99)]
    assert kept[0] == "k9"
    assert 2 <= len(kept) < 8
    assert store.picture("../k9") is None


def test_a_recorder_that_is_busy_lets_requests_pass(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, MonitoringConf(record_per_s=100), lambda _: time.sleep(0.3) or "")
    try:
        start = time.perf_counter()
        for _ in range(200):
            recorder._next_at = 0.0
            recorder.see("v", 0.1, json.dumps(body(np.zeros((8, 8, 3), np.uint8))).encode(), b"{}")
        assert time.perf_counter() - start < 5  # to keep them all takes a minute
        assert recorder.left_out > 150
    finally:
        recorder.close()


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("ftp://example.com/x", "no http"),
        ("http://169.254.169.254/latest", "169.254.169.254"),
        ("http://[fe80::1]/", "fe80::1"),
    ],
)
def test_addresses_that_are_no_webhook(url: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        check(url)


def test_alerts_fire_once_resolve_and_are_sent_again_if_nobody_took_them(tmp_path: Path) -> None:
    sent: list[tuple[str, bool]] = []
    takes = [False, True, True]

    def tell(_endpoint: str, alert) -> bool:
        sent.append((alert.message, alert.is_open))
        return takes.pop(0)

    def alerts() -> Alerts:
        return Alerts(tmp_path, "parts", tell)

    assert [one.key for one in alerts().update({"errors": "9 % failed", "state": None})] == [
        "errors"
    ]
    assert alerts().update({"errors": "10 % failed"}) == []  # goes on: no new alert
    assert alerts().update({"latency": None}) == []  # not judged: stays
    assert sent == [("9 % failed", True), ("10 % failed", True)]
    (resolved,) = alerts().update({"errors": None})
    assert not resolved.is_open
    assert sent[-1] == ("10 % failed", False)
    assert alerts().update({"errors": None}) == []
    assert len(alerts().all()) == 1


def test_an_inference_table_becomes_the_same_records(tmp_path: Path, state: Path) -> None:
    from datetime import UTC, datetime

    import pyarrow as pa
    from deltalake import write_deltalake

    class OfWorkspace:
        place = "databricks"

        def get(self, name: str) -> Endpoint:
            return Endpoint(
                name, "databricks", EndpointState.READY, served=(Served("parts-1", "m", "1", 100),)
            )

    answer = {"answer": json.dumps({"size": [48, 64], "classes": [{"label": "v1", "score": 0.75}]})}

    def row(second: int, status: int, request: str | None) -> dict:
        return {
            "request_time": datetime(2026, 1, 1, 0, 0, second, tzinfo=UTC),
            "status_code": status,
            "execution_duration_ms": 120,
            "request": request,
            "response": json.dumps({"predictions": [answer]}),
        }

    asked = json.dumps(body(np.full((48, 64, 3), 90, np.uint8)))
    rows = [row(1, 200, asked), row(2, 400, asked), row(3, 200, None), row(4, 200, "{torn")]
    table = tmp_path / "payload"
    write_deltalake(str(table), pa.Table.from_pylist(rows))
    endpoints = OfWorkspace()
    assert read_into(endpoints, "parts", table) == 1
    assert read_into(endpoints, "parts", table) == 0  # only what is new
    write_deltalake(str(table), pa.Table.from_pylist([row(5, 200, asked)]), mode="append")
    assert read_into(endpoints, "parts", table) == 1
    newest = Store(settings.folder_of("databricks", "parts")).newest(9)
    assert [(one.said, one.seconds) for one in newest] == [((Said("v1", 0.75),), 0.12)] * 2
    assert newest[0].features["brightness"] == 90
    write_deltalake(str(tmp_path / "other"), pa.table({"a": [1]}))
    with pytest.raises(LaunchError, match="no inference table"):
        read_into(endpoints, "parts", tmp_path / "other")
    with pytest.raises(LaunchError, match="_delta_log"):
        read_into(endpoints, "parts", tmp_path / "none")


def test_availability_is_what_was_noted(tmp_path: Path) -> None:
    assert uptime.availability(tmp_path) is None
    for at in (1000.0, 1010.0, 1020.0, 1100.0, 1110.0):
        uptime.note(tmp_path, at)
    assert uptime.read(tmp_path) == [(1000.0, 1020.0), (1100.0, 1110.0)]
    assert uptime.availability(tmp_path, now=1120.0) == pytest.approx((20 + 20) / 120)
    assert uptime.availability(tmp_path, since_s=40, now=1120.0) == pytest.approx(20 / 40)
    assert uptime.availability(tmp_path, now=1200.0) == pytest.approx(30 / 200)
