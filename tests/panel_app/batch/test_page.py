"""A batch from the page: refused in words, started, watched, its rows seen and kept."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from launch.activity.log import ActivityLog
from tests.panel_app.conftest import Server, seen
from tests.panel_app.micro import micro_run, png

pytestmark = [pytest.mark.ui, pytest.mark.slow, pytest.mark.usefixtures("warm")]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("batch")
    uri = f"sqlite:///{folder}/mlruns.db"
    run_id = micro_run(folder / "runs" / "parts", uri, "detection")
    photos = folder / "photos"
    photos.mkdir()
    for number in range(12):
        (photos / f"{number:02d}.png").write_bytes(png(number))
    (photos / "text.jpg").write_text("hello")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAKESIGHT_STATE_DIR", str(folder / "state"))
        server = Server(uri, folder)
        yield server, run_id
        server.stop()


def typed(page, label: str, text: str) -> None:
    page.get_by_role("textbox", name=label, exact=True).fill(text)
    page.keyboard.press("Tab")


def test_a_batch_from_the_page(page, app, tmp_path: Path) -> None:
    server, run_id = app
    page.goto(f"{server.url}?page=batch")
    seen(page, "There is none yet")
    start = page.get_by_role("button", name="Start the batch")
    start.click()
    seen(page, "choose a model first")
    page.get_by_label("Model", exact=True).select_option(f"run/{run_id}")
    typed(page, "Images", "/etc")
    typed(page, "Output folder", str(server.folder / "answers"))
    start.click()
    seen(page, "is outside the folders that this app may read")
    typed(page, "Images", "photos")
    page.get_by_role("button", name="More settings").click()
    typed(page, "Images of a part", "many")
    start.click()
    seen(page, "Images of a part takes a whole number, not 'many'.")
    typed(page, "Images of a part", "5")
    typed(page, "Workers", "1")
    typed(page, "Score threshold", "0.05")
    seen(page, re.compile("--threshold 0.05 --shard-size 5 --workers 1 --background"))
    # The form is in the address: a refresh keeps it.
    page.wait_for_function("location.search.includes('workers=1')")
    page.reload()
    seen(page, re.compile("--threshold 0.05 --shard-size 5 --workers 1 --background"))
    start.click()
    page.wait_for_function("location.search.includes('run=')")
    page.get_by_text("SUCCEEDED").filter(visible=True).first.wait_for(timeout=120_000)
    seen(page, "13 of 13 images, 1 could not be read")
    assert len(pd.read_parquet(server.folder / "answers")) == 13

    # Its rows, large too, after a refresh.
    page.reload()
    seen(page, "11.png").click()
    seen(page, re.compile(r"\d+ annotations"))
    page.get_by_role("button", name="Close", exact=True).click()
    seen(page, "text.jpg").click()
    seen(page, re.compile("not an image that can be read"))
    page.get_by_role("button", name="Close", exact=True).click()
    with page.expect_download() as caught:
        page.get_by_role("link", name=re.compile("All rows as Parquet")).click()
    archive = zipfile.ZipFile(io.BytesIO(Path(caught.value.path()).read_bytes()))
    assert len(archive.namelist()) == 3
    page.get_by_role("link", name="All batches, and a new one").click()
    seen(page, "13 of 13 images")
    assert any(one.subject.startswith("batch ") for one in ActivityLog().find())
