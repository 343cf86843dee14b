"""Makes the pictures of the tutorials by their own commands, into the folder that LAKESIGHT_TUTORIALS names.

It trains for some minutes a task (-k chooses one), in LAKESIGHT_TUTORIALS_IN if that names a folder: what was
trained there is not trained again. That pages render is tested elsewhere (`test_appearance`).
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from cvcore.config.schema.data import TASKS
from tests.launch.lifecycle import tutorials
from tests.panel_app.conftest import Server, follow, seen

pytestmark = [
    pytest.mark.ui,
    pytest.mark.slow,
    pytest.mark.timeout(3_600),
    pytest.mark.skipif(
        "LAKESIGHT_TUTORIALS" not in os.environ, reason="LAKESIGHT_TUTORIALS names no folder"
    ),
]

MAX_BYTES = 150_000
SHEET_SIDE_PX = 900
SHOWN = {
    "classification": ("confusion", "Rows are the truth"),
    "detection": ("thresholds", "Best F1"),
    "semantic_segmentation": ("classes", "IoU"),
    "instance_segmentation": ("errors", "background"),
    "panoptic_segmentation": ("classes", "RQ"),
}
"""Task -> the part of the page Evaluate that its tutorial shows, and words that are to be seen there."""

BELOW_THE_BAR = {"x": 220, "y": 68, "width": 1140, "height": 792}
"""Of a page, px: without the bar, which names a user, and the menu."""


def trained(kind: str, folder: Path) -> None:
    """Type the tutorial's commands up to its predictions; a folder that has them is left as it is."""
    if (folder / "seen").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    for command in tutorials.commands(tutorials.page(kind)):
        words = tutorials.typed(command, folder)
        subprocess.run([sys.executable, "-m", "cvcore.cli.main", *words], cwd=folder, check=True)
        if words[0] == "predict":
            return


@pytest.mark.parametrize("kind", TASKS)
def test_pictures_of_a_tutorial(
    kind: str, page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(os.environ.get("LAKESIGHT_TUTORIALS_IN", tmp_path)) / kind / "digits"
    monkeypatch.setenv("LAKESIGHT_STATE_DIR", str(folder.parent / "state"))
    uri = f"sqlite:///{folder}/mlruns.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    trained(kind, folder)
    out = Path(os.environ["LAKESIGHT_TUTORIALS"])
    stem = tutorials.page(kind).stem
    for name, sheet in (("data", "preview.png"), ("predictions", "seen/sheet.png")):
        with Image.open(folder / sheet) as image:
            image.thumbnail((SHEET_SIDE_PX, SHEET_SIDE_PX))
            image.convert("RGB").save(out / f"{stem}-{name}.jpg", quality=80)

    from launch.ledger import Ledger

    (run,) = (run for run in Ledger(uri).runs() if run.title == "first")
    show, words = SHOWN[kind]
    server = Server(uri, folder)
    try:
        page.goto(f"{server.url}?page=nope")
        seen(page, "There is no such page")
        follow(page, page="evaluate", run=run.run_id, show=show)
        seen(page, words)
        page.wait_for_timeout(6_000)
        page.mouse.move(900, 34)
        page.screenshot(path=out / f"{stem}-{show}.png", clip=BELOW_THE_BAR)
    finally:
        server.stop()
    page.context.clear_cookies()
    for path in out.glob(f"{stem}-*"):
        assert 5_000 < path.stat().st_size < MAX_BYTES, path.name
