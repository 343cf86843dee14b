"""A run's model on its way in the browser: registered, judged, champion, deployed, asked, deleted."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from launch.registry.promote import promote
from launch.registry.registry import Registry
from launch.serving.local.endpoints import LocalEndpoints
from tests.launch.registry.conftest import maker, version_of
from tests.panel_app.conftest import NASTY, Server, follow, seen
from tests.panel_app.walker import require_effects

pytestmark = [pytest.mark.ui, pytest.mark.slow, pytest.mark.usefixtures("warm")]

POLICY = "keep_classes: true\nsize_mib: 100\n"
STRICT = "metrics: {top1: 0.99}\n"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Server, str, Path]]:
    """An app with one finished run, and two policies of the user's own."""
    monkeypatch.setenv("LAKESIGHT_STATE_DIR", str(tmp_path / "state"))
    conf = tmp_path / "conf"
    (conf / "gate").mkdir(parents=True)
    (conf / "gate" / "lab.yaml").write_text(POLICY)
    (conf / "gate" / "hard.yaml").write_text(STRICT)
    monkeypatch.setenv("LAKESIGHT_CONF_PATH", str(conf))
    uri = f"sqlite:///{tmp_path}/mlruns.db"
    run = maker(tmp_path)(uri, f"cells {NASTY}".replace("/", ""), value=0.9)
    server = Server(uri, tmp_path)
    yield server, uri, run
    server.stop()
    endpoints = LocalEndpoints()
    for one in endpoints.all():
        with contextlib.suppress(Exception):
            endpoints.delete(one.name)


def roll_back(page, run: Path, uri: str) -> None:
    """Have another version become champion, and take it back in the page."""
    registry = Registry(uri)
    assert version_of(run, uri, "cells") == "2"
    promote(registry, "cells", "2", policy="lab", by="ann")
    page.get_by_role("button", name="Roll back").click()
    page.get_by_role("dialog").get_by_role("button", name="Roll back").click()
    seen(page, "Version 1 is champion of cells again; it was 2.")
    assert registry.model("cells").aliases["champion"] == "1"


def test_from_a_run_to_an_endpoint_and_away(page, place) -> None:
    server, uri, run = place
    page.set_default_timeout(90_000)
    page.goto(f"{server.url}?page=register")
    seen(page, "No model is registered yet")
    page.get_by_role("button", name="Register a run").click()
    page.get_by_label("Run", exact=True).select_option(index=1)
    name, images = page.get_by_role("textbox", name="Name of the model"), "Images of the robustness"
    page.wait_for_function("(it) => it.value.startsWith('cells-')", arg=name.element_handle())
    page.get_by_role("textbox", name="Alias").fill("champion")
    seen(page, "moves only through the gate: register first")
    page.get_by_role("textbox", name="Alias").fill("challenger")
    page.get_by_role("textbox", name="Tags").fill("team=lab")
    page.get_by_role("textbox", name=images).fill("0")
    name.fill("cells")
    seen(page, "--as cells --alias challenger --tag team=lab --images 0")
    page.get_by_role("button", name="Register", exact=True).click()
    page.get_by_text("running").wait_for()
    # Whoever comes meanwhile sees it too.
    page.reload()
    page.get_by_text("Register cells <img").first.wait_for()
    page.get_by_role("link", name="Version 1").wait_for()
    seen(page, "Data fingerprint")
    # The version is listed as soon as it is made, its alias comes next.
    until = time.monotonic() + 60
    while not Registry(uri).model("cells").aliases.get("challenger") and time.monotonic() < until:
        page.wait_for_timeout(100)
    assert Registry(uri).version("cells", "challenger").tags["team"] == "lab"
    page.get_by_role("tab", name="Model card").click()
    page.get_by_role("heading", name="Limits").wait_for()
    assert page.evaluate("window.pwned") is None

    page.get_by_role("tab", name="Gate").click()
    page.get_by_label("Policy").select_option("hard")
    page.get_by_role("button", name="Judge only").click()
    page.get_by_role("cell", name="FAIL", exact=True).wait_for()
    seen(page, "fails 1 of 1 rules of the gate 'hard'")
    assert not Registry(uri).model("cells").aliases.get("champion")
    page.get_by_label("Policy").select_option("lab")
    seen(page, "--policy lab")
    page.get_by_role("button", name="Promote to champion").click()
    page.get_by_role("button", name="Judge and promote").click()
    seen(page, "It is the champion now.")
    assert Registry(uri).model("cells").aliases["champion"] == "1"
    page.wait_for_url("**show=gate**")
    roll_back(page, run, uri)

    follow(page, page="register", model="cells", version="1", show="export")
    page.get_by_role("textbox", name="Images to compare").fill("1")
    page.get_by_role("button", name="Export as ONNX").click()
    seen(page, "the same as the trained model on 1 images")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download cells-1.onnx").click()
    assert download.value.path().stat().st_size > 1_000

    require_effects(page, server.url, {"page": "register", "model": "cells"}, "Data fingerprint")
    follow(page, page="register", model="cells", version="1")
    page.locator('a[href*="word=cells%2F1"]', has_text="Deploy this version").click()
    page.get_by_role("textbox", name="Name of the endpoint").fill("my cells")
    seen(page, "can't be an endpoint's name")
    page.get_by_role("textbox", name="Name of the endpoint").fill("cells")
    seen(page, "lakesight deploy cells/1 --name cells")
    page.get_by_role("button", name="Deploy", exact=True).click()
    page.get_by_role("heading", name="cells").wait_for()
    page.get_by_text("READY", exact=True).first.wait_for()
    page.get_by_role("button", name="Smoke test").click()
    seen(page, "As it should be")
    page.get_by_role("textbox", name="Load test: seconds").fill("1")
    page.get_by_role("button", name="Load test", exact=True).click()
    seen(page, "answers per second with 4 callers")
    page.get_by_role("textbox", name="Load test: seconds").fill("60")
    page.get_by_role("button", name="Load test", exact=True).click()
    page.get_by_role("button", name="Cancel: Load test of cells").click()
    seen(page, "It was ended before it was done.")
    page.get_by_label("Log of").select_option("service cells-1")
    page.get_by_role("log", name="Log", exact=True).get_by_text("POST /invocations").or_(
        page.get_by_role("log", name="Log", exact=True)
    ).first.wait_for()
    follow(page, page="deploy", endpoint="cells", place="local")
    page.get_by_role("button", name="Stop", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Stop").click()
    page.get_by_text("STOPPED", exact=True).first.wait_for()
    assert page.get_by_role("button", name="Smoke test", exact=True).is_disabled()
    endpoint = {"page": "deploy", "endpoint": "cells", "place": "local"}
    require_effects(page, server.url, endpoint, "STOPPED")
    page.get_by_role("button", name="Start", exact=True).click()
    page.get_by_text("READY", exact=True).first.wait_for()
    page.get_by_role("button", name="Delete").click()
    yes = page.get_by_role("dialog").get_by_role("button", name="Delete")
    assert yes.is_disabled()
    page.get_by_label("Type cells to confirm").fill("cells")
    yes.click()
    seen(page, "There is no such endpoint")
    assert not LocalEndpoints().all()
    if folder := os.environ.get("LAKESIGHT_LOOK"):
        page.screenshot(path=f"{folder}/deleted.png")
