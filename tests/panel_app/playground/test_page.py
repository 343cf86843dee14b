"""The playground as a person uses it: a model without an endpoint is deployed, asked, compared, stopped."""

from __future__ import annotations

import contextlib
import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from launch.serving.local.endpoints import LocalEndpoints
from tests.panel_app.conftest import Server, seen
from tests.panel_app.micro import micro_run, png

pytestmark = [pytest.mark.ui, pytest.mark.slow, pytest.mark.usefixtures("warm")]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("play")
    uri = f"sqlite:///{folder}/mlruns.db"
    run_id = micro_run(folder / "runs" / "parts", uri, "instance_segmentation")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAKESIGHT_STATE_DIR", str(folder / "state"))
        server = Server(uri, folder)
        yield server, run_id
        server.stop()
        endpoints = LocalEndpoints()
        for one in endpoints.all():
            with contextlib.suppress(Exception):
                endpoints.delete(one.name)


def total(page) -> tuple[int, int]:
    """How many objects are shown, and of how many."""
    text = seen(page, re.compile(r"^[\d,]+ (of [\d,]+ )?objects$")).inner_text()
    numbers = [int(one.replace(",", "")) for one in re.findall(r"[\d,]+", text)]
    return numbers[0], numbers[-1]


def saved(page, label: str, tmp_path: Path) -> Path:
    with page.expect_download() as caught:
        page.get_by_role("button", name=re.compile(f"Download {label}")).first.click()
    path = tmp_path / caught.value.suggested_filename
    caught.value.save_as(path)
    return path


def test_a_model_is_deployed_and_asked(page, app, tmp_path: Path) -> None:
    server, run_id = app
    page.goto(f"{server.url}?page=playground")
    seen(page, "Choose a model above")
    page.get_by_label("Model", exact=True).select_option(f"run/{run_id}")
    seen(page, "It has no endpoint yet")
    page.get_by_role("button", name="Deploy on this machine").click()
    page.get_by_text("It is ready. Give an image above.").wait_for(timeout=120_000)

    image = tmp_path / "photo <b>.png"
    image.write_bytes(png(1))
    page.get_by_label("Upload an image").set_input_files(image)
    seen(page, re.compile(r"model \d+ ms, network \d+ ms; sent"))
    assert page.locator("b", has_text=".png").count() == 0
    # The threshold, drawn and counted by the browser.
    threshold = page.get_by_label("Score threshold")
    threshold.fill("0.05")
    shown, of = total(page)
    assert shown == of > 1
    threshold.fill("0.99")
    seen(page, "Nothing is left at this threshold")
    threshold.fill("0.05")
    page.get_by_label("Hide all classes").click()
    assert total(page)[0] == 0
    page.get_by_label("Show all classes").click()
    assert total(page) == (shown, of)

    # What is kept says the same.
    answer = json.loads(saved(page, "JSON", tmp_path).read_text())
    assert len(answer["objects"]) == of
    from pycocotools.coco import COCO

    coco = COCO(str(saved(page, "COCO", tmp_path)))
    assert len(coco.anns) == shown
    assert coco.imgs[1]["file_name"] == "photo <b>.png"
    first = coco.anns[1]
    x1, y1, x2, y2 = answer["objects"][0]["box"]
    assert first["bbox"] == pytest.approx([x1, y1, x2 - x1, y2 - y1], abs=0.011)
    assert coco.annToMask(first).shape == (40, 56)
    with_overlays = cv2.imread(str(saved(page, "PNG", tmp_path)))
    plain = cv2.imread(str(image))
    assert with_overlays.shape == plain.shape
    assert (with_overlays != plain).any()

    # A second browser shows the same, and a second model beside it.
    page.wait_for_function("location.search.includes('threshold=0.05')")
    address = page.url
    page.goto(f"{address}&b={re.search('a=([^&]+)', address)[1]}")
    seen(page, re.compile(r"model \d+ ms"))
    page.get_by_role("img", name="photo <b>.png: ").nth(1).wait_for()
    assert total(page) == (shown, of)
    seen(page, "curl -sS http://127.0.0.1:")

    # Bad images and addresses, in words.
    text = tmp_path / "text.jpg"
    text.write_text("hello")
    page.get_by_label("Upload an image").set_input_files(text)
    seen(page, re.compile("image text.jpg is not an image that can be read"))
    torn = tmp_path / "torn.png"
    torn.write_bytes(png(2)[:2000])
    page.get_by_label("Upload an image").set_input_files(torn)
    seen(page, re.compile("the endpoint says 400: .*truncated"))
    page.get_by_label("Web address of an image").fill("http://localhost/photo.jpg")
    page.get_by_role("button", name="Fetch").click()
    seen(page, "those are not asked")

    page.get_by_role("button", name=re.compile("^Stop play-")).first.click()
    seen(page, "It is STOPPED: stopped by a person.")
    assert not np.any([one.state.answers for one in LocalEndpoints().all()])
