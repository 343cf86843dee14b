"""The page Monitor in Chromium: a real server of the app, the folders of an endpoint that is down."""

import json
import time

import cv2
import numpy as np
import pytest

from cvcore.config.composer import load
from cvcore.data import masks
from cvcore.data.labels import LabelSpace
from cvcore.data.records import Category, ImageRef, ListSplit, Record
from cvcore.monitor import reference
from cvcore.monitor.answers import Said
from cvcore.monitor.features import image_features
from cvcore.serve import artifact
from launch.activity.record import recorded
from launch.monitor import settings, uptime
from launch.monitor.alerts import Alerts
from launch.monitor.record import Record as Recorded
from launch.monitor.store import Store
from launch.serving.local.endpoints import LocalEndpoints
from launch.serving.local.files import EndpointFiles, Plan, Wanted, WantedModel
from launch.serving.local.requests_log import Request, RequestsLog
from launch.serving.models import ModelRef
from panel_app import up
from tests.panel_app.conftest import NASTY, Server, seen
from tests.panel_app.test_appearance import CONTRAST, RULES, faults
from tests.panel_app.walker import require_effects

pytestmark = [pytest.mark.ui, pytest.mark.slow, pytest.mark.usefixtures("warm")]


def png(image_HW3: np.ndarray) -> bytes:
    return cv2.imencode(".png", image_HW3[..., ::-1])[1].tobytes()


def watched() -> None:
    """Write what an endpoint of a detector leaves: 60 dark images of a model of bright ones."""
    rng = np.random.default_rng(0)
    files = EndpointFiles(LocalEndpoints().root / "parts")
    files.folder.mkdir(parents=True)
    model = WantedModel("parts-1", ModelRef("parts", "1"), {})
    files.write_wanted(Wanted("parts", 5, Plan((model,), {"parts-1": 100}), stopped=True))
    folder = files.models / "parts-1" / "artifacts" / "best"
    folder.mkdir(parents=True)
    labels = LabelSpace.over([[Category(1, "cat"), Category(2, NASTY)]])
    artifact.write(folder, artifact.of_run(load(["task=detection"]), labels, "abc"))
    images = [rng.integers(0, 255, (30, 40, 3)).astype(np.uint8) for _ in range(60)]
    split = ListSplit(
        "train", (), [Record(i, ImageRef(data=png(one))) for i, one in enumerate(images)]
    )
    ring_HW = np.zeros((30, 40), np.uint8)
    ring_HW[2:22, 1:21] = 1
    ring_HW[8:16, 7:15] = 0
    cat = Said("cat", 0.9, (1.0, 2.0, 21.0, 22.0), mask=masks.encode(ring_HW))
    known = reference.of_images(split, "abc", 10**6)
    reference.write(folder, reference.with_answers(known, [((30, 40), [cat])] * 60))
    place = settings.folder_of("local", "parts")
    store = Store(place)
    log = RequestsLog(files.requests)
    for number, image in enumerate(images):
        dark = (image * 0.1).astype(np.uint8)
        said = (cat, Said(NASTY, 0.31, (3.0, 3.0, 9.0, 9.0)))
        jpeg = cv2.imencode(".jpg", dark)[1].tobytes()
        at = time.time() - number
        store.add(
            Recorded(
                f"k{number}",
                at,
                "parts-1",
                "h",
                0.02,
                (30, 40),
                (30, 40),
                image_features(dark),
                said,
            ),
            jpeg,
        )
        log.add(Request(at, "parts-1", 500 if number % 10 == 0 else 200, 0.02, 100, 100))
    store.close()
    log.close()
    uptime.note(place, time.time() - 20)
    uptime.note(place)
    for at in range(-3600, -1800, 20):
        uptime.note(up.folder(), time.time() + at)
    Alerts(place, "parts").update({"errors": "10 % of the last hour's 60 requests failed."})
    with recorded("deploy", "endpoint parts", "ann@example.com"):
        pass
    with recorded("launch", f"run {NASTY}", "bob@example.com"):
        pass


@pytest.fixture(scope="module")
def app(ledger, tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("monitor")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAKESIGHT_STATE_DIR", str(folder / "state"))
        watched()
        server = Server(ledger[0], folder)
        yield server
        server.stop()


def test_an_endpoint_is_watched_from_its_requests_to_the_next_run(page, app) -> None:
    page.goto(f"{app.url}?page=monitor")
    page.get_by_role("table", name="Endpoints").wait_for()
    seen(page, "STOPPED")
    seen(page, "requests in the last hour")
    seen(page, "10 % of the last hour's 60 requests failed.")
    seen(page, "available of the last 24 h")
    page.get_by_role("img", name="Requests per second").wait_for()
    page.get_by_role("link", name="last day").click()
    page.wait_for_url("**span=day")
    page.locator("a[aria-current=true]", has_text="last day").wait_for()
    page.get_by_role("tab", name="Drift").click()
    row = page.get_by_role("row", name="brightness")
    row.get_by_text("drifted").wait_for()
    page.get_by_role("row", name="aspect").get_by_text("stable").wait_for()
    page.wait_for_url("**show=drift**")
    page.reload()
    page.get_by_role("row", name="brightness").wait_for()
    assert page.evaluate("window.pwned") is None

    page.get_by_role("tab", name="Images").click()
    page.get_by_role("img", name="recorded picture").first.wait_for()
    assert page.get_by_role("img", name="recorded picture").count() == 24
    # Its mask with the hole, and the box of what has none.
    drawn = page.locator("figure svg").first
    assert drawn.locator("path").get_attribute("d").count("M") == 2
    assert drawn.locator("rect").count() == 1
    box = page.get_by_label("New folder")
    box.fill("/etc/hard")
    page.get_by_role("button", name="Export the hardest").click()
    seen(page, "is outside the folders")
    box.fill("hard")
    page.get_by_role("button", name="Export the hardest").click()
    seen(page, "The data set is written")
    coco = json.loads((app.folder / "hard/annotations/instances_train.json").read_text())
    assert len(coco["images"]) == 40
    assert coco["annotations"][0]["area"] == 20 * 20 - 8 * 8
    page.get_by_role("link", name="Configure a run on it").click()
    page.get_by_role("heading", name="Configure").wait_for()
    seen(page, f"data.root={app.folder / 'hard'}")


def test_who_did_what_is_searched_and_exported(page, app) -> None:
    page.goto(f"{app.url}?page=monitor&show=activity")
    page.get_by_role("row", name="ann@example.com").wait_for()
    page.get_by_role("row", name="bob@example.com").wait_for()
    page.get_by_label("Search").press_sequentially("ann")
    page.get_by_role("row", name="bob@example.com").wait_for(state="detached")
    page.wait_for_url("**q=ann**")
    href = page.get_by_role("link", name="Export CSV").get_attribute("href")
    text = page.request.get(f"{app.url}{href}").text()
    assert "endpoint parts" in text
    assert "bob" not in text
    page.reload()
    page.get_by_role("row", name="ann@example.com").wait_for()
    assert page.get_by_role("row", name="bob@example.com").count() == 0
    page.get_by_role("tab", name="Jobs and app").click()
    seen(page, "Last 30 days")
    seen(page, "without a restart")
    # It was killed half an hour ago, and ran for half an hour before.
    share = seen(page, "up of the last 24 h").inner_text()
    assert float(share.split()[0]) == pytest.approx(50, abs=5), share
    assert page.evaluate("window.pwned") is None


def test_every_control_has_an_effect(page, app) -> None:
    require_effects(page, app.url, {"page": "monitor"}, "requests in the last hour")


def test_every_part_can_be_used_without_eyes_or_mouse(page, app) -> None:
    parts = {"traffic": "Alerts", "drift": "In words", "images": "New folder", "jobs": "This app"}
    for show, words in {**parts, "activity": "Outcome"}.items():
        page.goto(f"{app.url}?page=monitor&show={show}")
        seen(page, words)
        page.wait_for_timeout(300)
        found = faults(page, RULES)
        page.get_by_role("button", name="Toggle theme").click()
        page.mouse.move(600, 5)
        page.wait_for_timeout(500)
        assert not [*found, *faults(page, CONTRAST)], show
        page.get_by_role("button", name="Toggle theme").click()
