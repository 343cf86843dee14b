"""Writes the outputs of docs/lakesight.ipynb: LAKESIGHT_SCREENSHOTS=docs/images pytest <this file>.

A widget's output in a file is only a picture, so pictures are what is written: of a real JupyterLab, of
a real run. That the notebook runs is tested always, by `test_widgets`.
"""

import base64
import io
import json
import os
import shutil
import tempfile
from pathlib import Path

import pytest
from PIL import Image

from tests.panel_app.notebook.jupyterlab import DOCS, JupyterLab, sources

pytestmark = [
    pytest.mark.ui,
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        "LAKESIGHT_SCREENSHOTS" not in os.environ, reason="LAKESIGHT_SCREENSHOTS names no folder"
    ),
]


MOST_PX = 1_000
"""Of the height of a picture: the grid of images fills the window."""


def test_the_notebook_of_the_docs(page) -> None:
    # What the pictures show of folder and user is nobody's.
    folder = Path(tempfile.gettempdir()) / "lakesight"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    page.set_default_timeout(300_000)
    page.set_viewport_size({"width": 1400, "height": 3200})
    where = {"LAKESIGHT_STATE_DIR": str(folder / "state"), "MLFLOW_TRACKING_URI": ""}
    lab = JupyterLab(folder, **where, LOGNAME="ada")
    try:
        lab.open(page, "lakesight.ipynb", sources(DOCS))
        shown = page.locator(".jp-CodeCell")
        shown.nth(1).locator(".cell img").nth(7).wait_for()
        shown.nth(2).get_by_text("Launch", exact=True).wait_for()
        page.add_style_tag(content=".Toastify { display: none !important }")
        shown.nth(5).scroll_into_view_if_needed()
        shown.nth(5).get_by_text("SUCCEEDED").first.wait_for()
        page.wait_for_timeout(3_000)
        made = json.loads(DOCS.read_text())
        cells = [cell for cell in made["cells"] if cell["cell_type"] == "code"]
        for number, cell in enumerate(cells):
            cell["execution_count"] = number + 1
            cell["outputs"] = outputs(shown.nth(number), cell["source"], number + 1)
        DOCS.write_text(json.dumps(made, indent=1) + "\n")
    finally:
        lab.stop()


def outputs(cell, source: str, number: int) -> list[dict]:
    """Return a cell's output: what it printed, or a picture of what it shows."""
    if "print" in source:
        text = cell.locator(".jp-OutputArea-output").first.inner_text()
        return [{"output_type": "stream", "name": "stdout", "text": f"{text.strip()}\n"}]
    if source.startswith("from"):
        return []
    cell.evaluate("(it) => it.scrollIntoView({block: 'start'})")
    # The pictures of a grid come as they are scrolled to.
    cell.page.wait_for_timeout(2_000)
    picture = Image.open(io.BytesIO(cell.locator(".jp-OutputArea").first.screenshot()))
    picture = picture.crop((0, 0, picture.width, min(picture.height, MOST_PX)))
    small = io.BytesIO()
    picture.convert("RGB").save(small, "WEBP", quality=70)
    data = {
        "image/webp": base64.b64encode(small.getvalue()).decode(),
        "text/plain": "<Widget>",
    }
    return [
        {
            "output_type": "execute_result",
            "execution_count": number,
            "data": data,
            "metadata": {},
        }
    ]
