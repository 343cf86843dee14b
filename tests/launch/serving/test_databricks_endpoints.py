"""Model Serving, by the real SDK against the fake workspace, which serves the models for real."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from cvcore.config.schema import ServingConf
from launch.serving.ask import ask
from launch.serving.databricks import DatabricksEndpoints
from launch.serving.deploy import deploy, wait
from launch.serving.smoke import smoke
from launch.serving.types import EndpointError, EndpointState, RequestRefused
from launch.workspace import FakeWorkspace
from panel_app.pages.playground.asking import reply

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("warm")]
MODEL = "main.default.parts"


@pytest.fixture
def ws(tmp_path: Path, stub: Callable[[str], Path]) -> Iterator[FakeWorkspace]:
    """A workspace with three versions of a model: v1, v2 (champion) and a broken one."""
    with FakeWorkspace(tmp_path / "ws") as ws:
        ws.host_models()
        models = ws.client().registered_models
        models.create(catalog_name="main", schema_name="default", name="parts")
        for number, name in enumerate(("v1", "v2", "broken"), 1):
            url, body = f"{ws.host}/fake/model-versions", {"full_name": MODEL}
            assert requests.post(url, json=body, timeout=10).ok
            shutil.copytree(stub(name), ws.root / "Models/main/default/parts" / str(number))
        models.set_alias(MODEL, "champion", 2)
        yield ws


def test_an_endpoints_life(
    ws: FakeWorkspace, picture: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoints = DatabricksEndpoints(ws.client())
    conf = ServingConf(
        place="databricks",
        workload_type="GPU_SMALL",
        scale_to_zero=False,
        environment_vars={"STUB_MODE": "!"},
        inference_table="main.default.parts_requests",
    )
    made = deploy(f"{MODEL}/1", conf=conf, endpoints=endpoints, user="ada@example.com")
    assert made.name == "parts"
    assert made.state == EndpointState.CREATING
    seen: list[str] = []
    ready = wait(endpoints, "parts", lambda one: seen.append(str(one.state)), 120)
    assert ready.state == EndpointState.READY
    assert "CREATING" in seen
    assert ready.served[0].workload == "GPU_SMALL Small"
    assert ready.served[0].share == 100
    raw = ws.core.store.get("endpoint", "parts")
    assert raw
    table = raw["ai_gateway"]["inference_table_config"]
    assert table["table_name_prefix"] == "parts_requests"
    assert {"key": "lakesight_user", "value": "ada@example.com"} in raw["tags"]
    with pytest.raises(EndpointError, match="never changed by Lakesight"):
        endpoints.roll_back("parts")

    tested = smoke(endpoints, "parts")
    assert tested.ok, tested
    assert tested.served == "parts-1"
    with pytest.raises(RequestRefused, match="400: row 0: cannot identify image file"):
        ask(endpoints, "parts", [b"hello"])

    # The playground asks it too, by the credentials of the app's process.
    for name, value in ws.environment().items():
        monkeypatch.setenv(name, value)
    said = reply("databricks/parts", picture)
    assert [row["text"] for row in said.item["rows"]] == ["v1!"]
    assert "from sending to the whole answer" in said.time
    assert said.time.endswith("answered by parts-1")
    with pytest.raises(RequestRefused, match="400: row 0: cannot identify image file"):
        reply("databricks/parts", b"hello")

    deploy(f"{MODEL}@champion", share=20, conf=conf, endpoints=endpoints)
    assert wait(endpoints, "parts", limit_s=120).state == EndpointState.READY
    served = Counter(ask(endpoints, "parts", [picture]).served for _ in range(10))
    assert served == {"parts-1": 8, "parts-2": 2}
    assert "Uvicorn running" in endpoints.logs("parts", "parts-2")
    assert endpoints.logs("parts", "parts-2", "build")
    endpoints.set_traffic("parts", {"parts-2": 100})
    assert [one.name for one in wait(endpoints, "parts", limit_s=120).served] == ["parts-2"]

    # Its process of the version that was taken away is gone; going back starts it again.
    endpoints.roll_back("parts")
    back = wait(endpoints, "parts", limit_s=120)
    assert {one.name: one.share for one in back.served} == {"parts-1": 80, "parts-2": 20}

    deploy(f"{MODEL}/3", conf=conf, endpoints=endpoints)
    failed = wait(endpoints, "parts", limit_s=120)
    assert failed.state == EndpointState.UPDATE_FAILED
    assert "the weights are torn" in failed.message
    assert ask(endpoints, "parts", [picture]).answers[0]["classes"][0]["label"] in ("v1!", "v2!")
    assert [one.name for one in endpoints.all()] == ["parts"]
    endpoints.delete("parts")
    with pytest.raises(EndpointError, match="there is no endpoint 'parts'"):
        endpoints.get("parts")


def test_what_can_not_be_is_refused_before_anything_is_made(
    ws: FakeWorkspace, tmp_path: Path
) -> None:
    endpoints = DatabricksEndpoints(ws.client())
    for word, values, says in (
        (f"{MODEL}/9", {}, "is not in the workspace's Unity Catalog"),
        (f"{MODEL}@none", {}, "is not in the workspace's Unity Catalog"),
        (MODEL, {"workload_type": "GPU_SMAL"}, "Did you mean 'GPU_SMALL'"),
        (MODEL, {"inference_table": "main"}, "is not catalog.schema"),
    ):
        conf = ServingConf(place="databricks", **values)
        with pytest.raises(EndpointError, match=says):
            deploy(word, conf=conf, endpoints=endpoints)
    nobody = DatabricksEndpoints(ws.client(ws.add_user("bob@example.com")))
    with pytest.raises(EndpointError, match="EXECUTE"):
        deploy(f"{MODEL}/1", conf=ServingConf(place="databricks"), endpoints=nobody)
    with pytest.raises(EndpointError, match="can't be stopped"):
        endpoints.stop("parts")
    assert endpoints.all() == []
