"""What Model Serving logged, read by SQL from the fake workspace: as traffic, as records, and in words."""

import base64
import json
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from databricks.sdk import WorkspaceClient
from databricks.sdk.service.serving import (
    AutoCaptureConfigOutput,
    EndpointCoreConfigOutput,
    ServingEndpointDetailed,
)

from cvcore.cli.main import main
from cvcore.config.schema import MonitoringConf
from launch.databricks import warehouse
from launch.errors import LaunchError
from launch.monitor import serving_log, settings, watch
from launch.monitor.requests import seen_by
from launch.monitor.store import Store
from launch.serving.databricks import DatabricksEndpoints
from launch.testing.clock import FakeClock
from launch.workspace import FakeWorkspace

TABLE = "main.default.parts_payload"
ANSWER = {"answer": json.dumps({"size": [48, 64], "classes": [{"label": "v1", "score": 0.75}]})}


def body(level: int) -> dict:
    image = cv2.imencode(".png", np.full((48, 64, 3), level, np.uint8))[1]
    return {"dataframe_records": [{"image": base64.b64encode(image.tobytes()).decode()}]}


@pytest.fixture(scope="module")
def ws(tmp_path_factory: pytest.TempPathFactory):
    """A workspace with an endpoint whose requests are logged, answered by a function."""
    with FakeWorkspace(tmp_path_factory.mktemp("ws")) as ws:
        ws.core.store.put("version", "main.default.parts/1", {"model_name": "parts", "version": 1})
        ws.serve("parts", lambda asked: {"predictions": [ANSWER]})
        entity = {"entity_name": "main.default.parts", "entity_version": "1", "name": "parts-1"}
        ws.client().api_client.do(
            "POST",
            "/api/2.0/serving-endpoints",
            body={
                "name": "parts",
                "config": {"name": "parts", "served_entities": [{**entity, "workload_size": "Small"}]},
                "ai_gateway": {
                    "inference_table_config": {
                        "catalog_name": "main", "schema_name": "default", "enabled": True,
                    }
                },
            },
        )  # fmt: skip
        ws.client().serving_endpoints.get("parts")
        yield ws


@pytest.fixture
def client(ws: FakeWorkspace, monkeypatch: pytest.MonkeyPatch) -> WorkspaceClient:
    for name, value in ws.environment().items():
        monkeypatch.setenv(name, value)
    return ws.client()


def test_requests_become_traffic_records_and_lines(
    ws: FakeWorkspace,
    client: WorkspaceClient,
    state: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def none(*_: object) -> None:
        raise LaunchError("no EXECUTE on the model")

    fetch = "launch.monitor.served_files.fetch"  # of MLflow, in a process of its own: the lifecycle has it
    monkeypatch.setattr(fetch, none)
    endpoints = DatabricksEndpoints(client)
    early = watch.look(endpoints, "parts")
    assert early.traffic is None
    assert f"the log {TABLE} is not there" in early.why_no_traffic
    for level in range(20):
        endpoints.post("parts", body(level))
    row = {"request_date": time.strftime("%Y-%m-%d", time.gmtime()), "served_entity_id": None}
    now = int(1000 * time.time())
    for at, status, took in ((now, 500, 70), (now, 429, 30), (now - 7_200_000, 200, 10_000)):
        ws.core.tables.insert(
            TABLE,
            {**row, "request_time": at, "status_code": status, "execution_duration_ms": took},
        )
    seen = seen_by(endpoints, endpoints.get("parts"), 3600.0)
    traffic = seen.last(3600.0)
    assert traffic is not None
    assert (traffic.requests, traffic.refused, traffic.failed) == (22, 1, 1)
    assert traffic.p99_s is not None
    assert traffic.p99_s < 5
    store = Store(settings.folder_of("databricks", "parts"))
    assert not store.newest(99)
    assert seen.why_no_images == "no EXECUTE on the model"

    monkeypatch.setattr(fetch, lambda *_: None)
    assert watch.look(endpoints, "parts").num_records == 20
    newest = store.newest(99)
    assert [one.features["brightness"] for one in newest] == list(range(19, -1, -1))
    assert newest[0].said[0].label == "v1"
    endpoints.post("parts", body(99))
    assert watch.look(endpoints, "parts").num_records == 21  # only what is new
    few = MonitoringConf(drift_images=10)
    folder = state / "few"
    assert serving_log.record_new(client, "parts", "parts-1", "", folder, few) == 16  # a page
    assert main(["monitor", "parts", "--on", "databricks"]) == 0
    said = capsys.readouterr().out
    assert "last hour: 23 requests, 1 refused, 1 failed; latency p50" in said
    assert "drift of parts-1, 21 images: unknown" in said


def test_what_cannot_be_read_is_told(
    ws: FakeWorkspace, client: WorkspaceClient, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(LaunchError, match=r"PARSE_SYNTAX_ERROR.*no such column: gone"):
        warehouse.ask(client, f"SELECT gone FROM {TABLE}", {})
    with pytest.raises(LaunchError, match="does not exist"):
        warehouse.ask(ws.client(warehouse_id="gone"), "SELECT 1", {})
    ben = ws.client(ws.add_user("ben@example.com"))
    with pytest.raises(LaunchError, match="USE CATALOG on Catalog 'main'"):
        warehouse.ask(ben, f"SELECT status_code FROM {TABLE}", {})
    monkeypatch.delenv(warehouse.VARIABLE)
    with pytest.raises(LaunchError, match=f"Set {warehouse.VARIABLE}"):
        serving_log.requests(ws.client(), "parts", 60.0)


def test_a_warehouse_that_starts_is_waited_for(ws: FakeWorkspace, client: WorkspaceClient) -> None:
    clock = FakeClock()
    for _ in range(2):
        ws.core.is_warehouse_up = False
        before = clock.now()
        found = warehouse.ask(client, f"SELECT 1 FROM {TABLE} LIMIT 1", {}, clock=clock)
        assert found.rows == [["1"]]
        assert clock.now() > before


def test_the_older_log_and_none() -> None:
    older = AutoCaptureConfigOutput(catalog_name="Main", schema_name="logs", enabled=True)
    table = serving_log.table_of(
        ServingEndpointDetailed(
            name="parts", config=EndpointCoreConfigOutput(auto_capture_config=older)
        )
    )
    assert (table.name, table.at_ms, table.took_ms) == (
        "main.logs.parts_payload", "timestamp_ms", "execution_time_ms",
    )  # fmt: skip
    with pytest.raises(LaunchError, match=r"serving\.inference_table="):
        serving_log.table_of(ServingEndpointDetailed(name="parts"))
