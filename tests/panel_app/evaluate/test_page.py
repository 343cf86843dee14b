"""The page Evaluate in a browser, against real reports and a real evaluation."""

import json
import re
import time
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from cvcore.data.records import ImageRef
from cvcore.evaluate import errors, kept, lines
from cvcore.evaluate import truths as truth_file
from cvcore.serve.predictor import Predictor
from tests.panel_app.conftest import NASTY, pictured, seen
from tests.panel_app.evaluate.conftest import NUM_IMAGES, add
from tests.panel_app.walker import require_effects

pytestmark = [pytest.mark.ui, pytest.mark.slow, pytest.mark.usefixtures("warm")]

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"], "resultTypes": ["violations"]}


def section(page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def clean(page) -> None:
    page.wait_for_timeout(400)
    found = Axe().run(page, options=RULES).response["violations"]
    assert not found, [(one["id"], one["nodes"][0]["html"][:200]) for one in found]


def test_all_that_is_behind_the_figures(page, trained, evaluate_server) -> None:
    run_id, run_dir = trained.ids[NASTY], trained.runs[NASTY]
    folder = run_dir / "report" / "val"
    summary = json.loads((folder / "report.json").read_text())
    metric = kept.load(folder / kept.FILE)
    page.goto(f"{evaluate_server.url}?{urlencode({'page': 'evaluate', 'run': run_id})}")
    seen(page, "All figures")
    seen(page, f"{summary['metrics']['AP']['value']:.3f}")
    seen(page, summary["certificate"]["dataset_fingerprint"])
    clean(page)

    section(page, "Classes")
    classes = page.get_by_role("table", name="Classes")
    classes.wait_for()
    page.get_by_role("button", name="AP50", exact=True).click()
    page.locator("th[aria-sort=descending]").wait_for()
    column = classes.locator("tbody tr").evaluate_all(
        "(rows) => rows.map((row) => Number(row.cells[2].textContent)).filter((x) => !isNaN(x))"
    )
    assert column == sorted(column, reverse=True)
    assert len(column) > 3

    section(page, "Curves")
    seen(page, "F1 at each score threshold")
    clean(page)
    section(page, "Errors")
    seen(page, "AP50 if fixed")
    section(page, "Slices")
    seen(page, "By objects in the image")

    section(page, "Confusion")
    thresholds = [summary["thresholds"][name] for name in metric.labels.names]
    judged = errors.judge(metric, "bbox", thresholds)
    cell = page.locator("button.right").first
    cell.wait_for()
    clean(page)
    name = int(re.search(r": (\d) taken", cell.get_attribute("aria-label"))[1])
    found = judged.found_M & (judged.label_M == name)
    cell.click()
    num = len(set(judged.image_M[found].tolist()))
    seen(page, f"{num} of {NUM_IMAGES} images, those with the most first")
    pictured(page, page, "button.cell img")
    assert page.locator("button.cell").count() == num
    assert "cell=" in page.url
    page.locator("button.cell").first.click()
    seen(page, "finds an object")
    page.get_by_role("button", name="Close", exact=True).click()

    page.reload()
    seen(page, f"{num} of {NUM_IMAGES} images, those with the most first")
    assert page.evaluate("window.pwned") is None


def test_thresholds_are_counted_saved_and_obeyed(page, trained, evaluate_server) -> None:
    run_id, run_dir = trained.ids["own"], trained.runs["own"]
    report = run_dir / "report" / "val"
    metric = kept.load(report / kept.FILE)
    values = {"page": "evaluate", "run": run_id, "show": "thresholds"}
    page.goto(f"{evaluate_server.url}?{urlencode(values)}")
    number = page.get_by_label("Threshold of 3, as a number")
    number.wait_for()
    clean(page)
    scores = metric.tables["bbox"].ordered("detections")
    chosen = float(np.quantile(scores["score"][scores["label"] == 3], 0.5).round(3))
    number.fill(str(chosen))
    judged = errors.judge(metric, "bbox", [chosen] * 10)
    of_class = judged.label_R == 3
    wanted = [
        int((of_class & (judged.error_R == 0)).sum()),
        int((of_class & judged.wrong).sum()),
    ]
    table = page.get_by_role("table", name="Score thresholds by class")
    row = table.locator("tbody tr", has=page.locator("th", has_text=re.compile("^3$")))
    expect(row.locator("td.number").nth(1)).to_have_text(f"{wanted[1]:,}")
    expect(row.locator("td.number").first).to_have_text(str(wanted[0]))

    truths = lines.ImageLines(report / truth_file.FILE)
    (truth,) = truths.of(metric.image_ids[0])
    ref = ImageRef(Path(truth["source"]))
    for value, is_silent in (("1", True), ("0.001", False)):
        page.get_by_label("One for all").fill(value)
        expect(number).to_have_value(f"{float(value):.3f}")
        page.get_by_role("button", name="Save into the model").click()
        page.wait_for_timeout(1_500)
        saved = json.loads((run_dir / "best" / "lakesight.json").read_text())["class_thresholds"]
        assert set(saved.values()) == {float(value)}
        (answer,) = Predictor.load(run_dir / "best").answers([ref])
        assert (answer["objects"] == []) is is_silent


PAINTED = """(canvas) => {
  const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height)
  let hash = 0, painted = 0
  for (let i = 0; i < data.length; i += 4) {
    if (data[i + 3]) painted++
    hash = (hash * 31 + data[i] + 7 * data[i + 1] + 13 * data[i + 3]) | 0
  }
  return painted > 40 && hash
}"""


def drawn(page, former: int = 0) -> int:
    """Wait until something else than before is drawn over the first image; a number for it."""
    canvas, until = page.locator("button.cell canvas").first, time.monotonic() + 30
    while time.monotonic() < until:
        if (now := canvas.evaluate(PAINTED)) not in (False, former):
            return now
        page.wait_for_timeout(50)
    pytest.fail("nothing else is drawn over the image")


@pytest.mark.parametrize("kind", ["instance_segmentation", "panoptic_segmentation"])
def test_masks_are_drawn_and_counted(page, trained, evaluate_server, cache_dir, kind) -> None:
    run_id = add(trained, cache_dir, kind, kind)
    report = json.loads((trained.runs[kind] / "report" / "val" / "report.json").read_text())
    figure = "PQ" if kind == "panoptic_segmentation" else "AP"
    assert 0 < report["metrics"][figure]["value"] < 1
    page.goto(f"{evaluate_server.url}?{urlencode({'page': 'evaluate', 'run': run_id})}")
    seen(page, "All figures")
    row = page.get_by_role("row", name=re.compile(rf"^{figure}\b")).first
    expect(row).to_contain_text(f"{report['metrics'][figure]['value']:.3f}")
    section(page, "Images")
    pictured(page, page, "button.cell img")
    mistakes = drawn(page)
    if kind == "panoptic_segmentation":
        page.get_by_role("combobox", name="Draw").click()
        page.locator("li", has_text="Truth").click()
        drawn(page, mistakes)
    page.locator("button.cell").first.click()
    seen(page, "Image id")


def test_every_control_has_an_effect(page, trained, evaluate_server) -> None:
    values = {"page": "evaluate", "run": trained.ids[NASTY]}
    require_effects(page, evaluate_server.url, values, "All figures")


def test_two_models_and_an_evaluation_from_the_page(page, trained, evaluate_server) -> None:
    values = {"page": "evaluate", "run": trained.ids["own"], "show": "two"}
    page.goto(f"{evaluate_server.url}?{urlencode(values)}")
    seen(page, "Paired test")
    seen(page, "the second is higher")
    page.get_by_role("button", name="Next image").click()
    seen(page, f"2 of {NUM_IMAGES}")
    clean(page)

    with page.expect_download() as download:
        page.get_by_role("link", name="Download it").click()
    assert b"<script" not in download.value.path().read_bytes()

    page.get_by_role("button", name="New evaluation").click()
    page.get_by_label("Further overrides").fill("data.nope=1")
    page.get_by_role("button", name="Evaluate", exact=True).click()
    seen(page, "The evaluation was not started")
    page.get_by_label("Further overrides").fill("trainer.bootstrap_samples=10")
    seen(page, "--split val trainer.bootstrap_samples=10")
    page.get_by_role("button", name="Evaluate", exact=True).click()
    seen(page, "Evaluation: 0 on val")
    page.get_by_text("Evaluation: 0 on val").wait_for(state="hidden", timeout=90_000)
    assert len(list((trained.folder / "runs").glob("*-evaluation/report/val/report.json"))) == 1
