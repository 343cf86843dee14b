"""The page Deploy and Model Serving: the real SDK against the fake workspace, which answers for real."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import requests

from launch.workspace import FakeWorkspace
from tests.launch.serving.conftest import save_stub
from tests.panel_app.conftest import Server, follow, seen

pytestmark = [pytest.mark.ui, pytest.mark.slow, pytest.mark.usefixtures("warm")]
MODEL = "main.default.parts"


def test_a_canary_of_model_serving(
    page, ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKESIGHT_STATE_DIR", str(tmp_path / "state"))
    page.set_default_timeout(60_000)
    with FakeWorkspace(tmp_path / "ws") as ws:
        ws.host_models()
        models = ws.client().registered_models
        models.create(catalog_name="main", schema_name="default", name="parts")
        for number in (1, 2):
            url, body = f"{ws.host}/fake/model-versions", {"full_name": MODEL}
            assert requests.post(url, json=body, timeout=10).ok
            target = ws.root / "Models/main/default/parts" / str(number)
            shutil.copytree(save_stub(tmp_path, f"v{number}"), target)
        monkeypatch.setenv("DATABRICKS_HOST", ws.host)
        monkeypatch.setenv("DATABRICKS_TOKEN", ws.token)
        server = Server(ledger[0], tmp_path)
        try:
            walk(page, server, ws)
        finally:
            server.stop()


def walk(page, server: Server, ws: FakeWorkspace) -> None:
    page.goto(f"{server.url}?page=deploy&new=1&word={MODEL}/1")
    page.get_by_label("Where").select_option("databricks")
    page.get_by_label("Workload type", exact=True).select_option("GPU_SMALL")
    seen(page, "What it costs:")
    page.get_by_role("textbox", name="Environment variables").fill("STUB_MODE: '!'")
    seen(page, "serving.workload_type=GPU_SMALL")
    seen(page, "STUB_MODE")
    page.get_by_role("button", name="Deploy", exact=True).click()
    page.get_by_role("heading", name="parts").wait_for()
    page.get_by_text("READY", exact=True).first.wait_for()
    raw = ws.core.store.get("endpoint", "parts")
    assert raw
    assert raw["config"]["served_entities"][0]["workload_type"] == "GPU_SMALL"

    follow(page, page="deploy", new="1", word=f"{MODEL}/2")
    page.get_by_label("Where").select_option("databricks")
    share = page.get_by_role("textbox", name="Share of the traffic")
    share.fill("20")
    page.get_by_role("textbox", name="Name of the endpoint").fill("parts")
    seen(page, "--share 20")
    page.get_by_role("button", name="Deploy", exact=True).click()
    slider = page.get_by_role("slider", name="Share of parts-2")
    slider.wait_for()
    slider.fill("100")
    seen(page, "parts-2 takes over")
    page.get_by_role("button", name="Apply").click()
    slider.wait_for(state="hidden")
    page.get_by_role("button", name="Smoke test").click()
    seen(page, "As it should be")
    page.get_by_role("button", name="Roll back").click()
    page.get_by_role("dialog").get_by_role("button", name="Roll back").click()
    slider.wait_for()
