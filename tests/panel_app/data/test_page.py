"""The page Data in a browser: real data, real workers."""

import hashlib
import json
import re
import shlex
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from cvcore.config.composer import load
from cvcore.data.contract import check
from cvcore.data.readers import open_splits
from tests.panel_app.conftest import NASTY, pictured
from tests.panel_app.data.conftest import FEW

pytestmark = [pytest.mark.ui, pytest.mark.slow, pytest.mark.usefixtures("warm")]

COLOURED = """canvas => {
  const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height)
  let number = 0
  for (let i = 3; i < data.length; i += 4) if (data[i]) number++
  return number
}"""
"""Pixels of a canvas that something was drawn on."""


def address(server, *overrides: str, **more: str) -> str:
    return f"{server.url}?{urlencode({'page': 'data', 'set': shlex.join(overrides)} | more)}"


def coco(root: Path) -> tuple[str, ...]:
    return ("task=detection", "data=coco", f"data.root={root}")


def coloured(page, cell: int = 0) -> int:
    return page.locator(".cell canvas").nth(cell).evaluate(COLOURED)


def until(page, say, timeout_s: float = 60) -> None:
    for _ in range(int(timeout_s * 10)):
        if say():
            return
        page.wait_for_timeout(100)
    raise AssertionError("it did not happen")


def test_from_nothing_to_the_digits_and_on_to_configure(page, data_server):
    page.goto(f"{data_server.url}?page=data")
    page.get_by_role("button", name="Look at the built-in digits").click()
    pictured(page, page, ".cell img")
    assert page.get_by_text("2,400 images").first.is_visible()
    page.get_by_role("button", name="Use in Configure").click()
    page.wait_for_url(re.compile("page=configure"))
    assert "data=digits" in parse_qs(urlsplit(page.url).query)["set"][0]


def test_cells_are_filtered_toggled_inspected_and_repaired(page, data_server, cells, folder):
    content = json.loads((cells / "annotations" / "instances_train.json").read_text())
    platelets = next(c["id"] for c in content["categories"] if c["name"] == "Platelets")
    with_platelets = {
        a["image_id"] for a in content["annotations"] if a["category_id"] == platelets
    }
    before = {p: hashlib.sha256(p.read_bytes()).digest() for p in cells.rglob("*") if p.is_file()}

    # An address says all: split, class; a refresh shows the same.
    page.goto(address(data_server, *coco(cells), split="train", **{"class": "Platelets"}))
    number = page.get_by_text(f"{len(with_platelets):,} of 292 images")
    number.wait_for()
    until(page, lambda: coloured(page) > 0)

    # A class that is switched off is not drawn; all off: nothing is.
    both = coloured(page)
    page.get_by_role("checkbox", name="RBC").uncheck()
    until(page, lambda: 0 < coloured(page) < both)
    page.get_by_role("button", name="Hide all classes").click()
    until(page, lambda: coloured(page) == 0)
    page.get_by_role("button", name="Show all classes").click()
    until(page, lambda: coloured(page) == both)

    # The two boxes without area, with their coordinates; a click shows the image.
    page.get_by_role("tab", name="Findings").click()
    page.get_by_role("button", name="Inspect the data set").first.click()
    table = page.locator(".findings")
    table.wait_for()
    for text in ("BloodImage_00343.jpg", "2288", "bbox = [181, 329, 0, 0]", "BloodImage_00338.jpg",
                 "3692", "bbox = [504, 337, 0, 0]", "bbox-zero-area"):  # fmt: skip
        assert table.get_by_text(text).first.is_visible(), text
    table.get_by_text("BloodImage_00338.jpg").click()
    dialog = page.get_by_role("dialog")
    problem = dialog.get_by_text("Annotation 3692: bbox = [504, 337, 0, 0] (bbox-zero-area")
    problem.wait_for()
    until(page, lambda: "image=val" in page.url)
    page.reload()
    problem.wait_for()
    dialog.get_by_role("button", name="Close").click()

    # The copy is whole; what it was made of is as it was.
    page.get_by_role("tab", name="Duplicates").click()
    page.get_by_text("Splits leak into each other").wait_for()
    page.get_by_role("tab", name="Statistics").click()
    page.locator(".facts").wait_for()
    page.get_by_role("tab", name="Findings").click()
    copy = folder / "copy"
    field = page.get_by_label("New folder for the copy")
    field.fill(str(cells))
    page.get_by_role("button", name="Write the repaired copy").click()
    page.get_by_text("is not empty").wait_for()
    field.fill(str(copy))
    page.get_by_role("button", name="Write the repaired copy").click()
    page.get_by_text("The copy breaks no rule").wait_for()
    conf = load(coco(copy))
    assert check(open_splits(conf.data, "detection"), "detection", conf.data).ok
    assert before == {p: hashlib.sha256(p.read_bytes()).digest() for p in before}


@pytest.mark.parametrize("task", ["instance_segmentation", "panoptic_segmentation"])
def test_masks_are_drawn_and_toggled(page, data_server, task):
    page.goto(address(data_server, f"task={task}", "data=digits", *FEW.split()))
    until(page, lambda: page.locator(".cell canvas").count() and coloured(page) > 0)
    page.get_by_role("button", name="Hide all classes").click()
    until(page, lambda: coloured(page) == 0)


def test_classes_and_augmentation_are_shown(page, data_server):
    overrides = ("task=classification", "data=digits", *FEW.split())
    page.goto(address(data_server, *overrides))
    page.locator(".cell .tag").first.wait_for()
    page.get_by_role("tab", name="Augmentation").click()
    pictures = page.locator(".draws img")
    until(page, lambda: pictures.count() == 15)
    until(page, lambda: pictures.nth(14).evaluate("i => i.complete && i.naturalWidth > 0"))


def test_names_are_text_and_a_folder_outside_is_refused(page, data_server, nasty, tmp_path):
    page.goto(address(data_server, *coco(nasty)))
    pictured(page, page, ".cell img")
    page.locator(".cell").first.click()
    page.locator("dialog .object").first.wait_for()
    assert page.locator("dialog .title").inner_text().startswith(NASTY[:8])
    page.get_by_role("button", name="Close", exact=True).click()
    page.get_by_role("tab", name="Findings").click()
    page.get_by_role("button", name="Inspect the data set").first.click()
    page.locator(".findings").wait_for()
    page.get_by_role("tab", name="Statistics").click()
    page.locator(".facts").wait_for()
    page.get_by_role("tab", name="Augmentation").click()
    page.locator(".draws img").first.wait_for()
    assert page.evaluate("window.pwned") is None
    page.goto(address(data_server, *coco(tmp_path)))
    page.get_by_text("is outside the folders that this app may read").wait_for()
