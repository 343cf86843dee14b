"""Makes the pictures of the docs from real runs: LAKESIGHT_SCREENSHOTS=docs/images pytest <this file>.

That pages render is tested elsewhere (`test_appearance`); this trains for some minutes.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.panel_app.conftest import Server, follow, seen

pytestmark = [
    pytest.mark.ui,
    pytest.mark.slow,
    pytest.mark.timeout(1_800),
    pytest.mark.skipif(
        "LAKESIGHT_SCREENSHOTS" not in os.environ, reason="LAKESIGHT_SCREENSHOTS names no folder"
    ),
]

MAX_BYTES = 300_000
RUNS = {
    "digits-detector": ("task=detection", "trainer.max_steps=750", "trainer.eval_steps=125"),
    "digits-classifier": ("task=classification", "trainer.max_steps=120"),
    "digits-classifier-fast": (
        "task=classification",
        "trainer.max_steps=120",
        "optim.learning_rate=0.01",
    ),
}
GATE = "default"
ENDPOINTS = {
    "digits-detector": "digits@champion",
    "digits-classifier": "digits-classifier",
}
PAGES = (
    ("configure", {"page": "configure", "set": "task=detection"}, "lakesight submit"),
    ("data", {"page": "data", "set": "task=detection data=digits"}, "Duplicates"),
    ("train", {"page": "train"}, "New run"),
    (
        "evaluate",
        {"page": "evaluate", "run": "{digits-detector}", "show": "images"},
        "the worst first",
    ),
    ("history", {"page": "history"}, "digits-detector"),
    ("monitor", {"page": "monitor", "show": "activity"}, "digits-detector"),
    ("run", {"page": "run", "run": "{digits-detector}"}, "mean loss"),
    (
        "compare",
        {"page": "compare", "runs": "{digits-classifier},{digits-classifier-fast}"},
        "mean loss since the last log",
    ),
    (
        "playground",
        {
            "page": "playground",
            "a": "local/digits-detector",
            "b": "local/digits-classifier",
            "image": "{image}",
            "threshold": "0.25",
        },
        "answered by",
    ),
    ("batch", {"page": "batch", "run": "{batch}"}, "SUCCEEDED"),
    ("register", {"page": "register", "model": "digits", "show": "gate"}, "passes the gate"),
    ("deploy", {"page": "deploy", "place": "local", "endpoint": "digits-detector"}, "READY"),
)
FOLDER, USER = "lakesight", "ada"
"""Where the runs of the pictures lie, below the folder of passing files, and whose they are."""


@pytest.fixture(scope="module")
def runs():
    """A folder with finished runs; title -> id."""
    folder = Path(tempfile.gettempdir()) / FOLDER
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAKESIGHT_STATE_DIR", str(folder / "state"))
        patch.setenv("LOGNAME", USER)
        for title, words in RUNS.items():
            command = ["submit", "--follow", f"run.title={title}", *words]
            subprocess.run(
                [sys.executable, "-m", "cvcore.cli.main", *command], cwd=folder, check=True
            )
        from launch.ledger import Ledger

        uri = f"sqlite:///{folder}/mlruns.db"
        ids = {run.title: run.run_id for run in Ledger(uri).runs()}
        ids |= asked(folder, ids)
        server = Server(uri, folder)
        yield server, ids
        server.stop()
        for name in ENDPOINTS:
            lakesight(folder, "endpoints", "delete", name, "--yes")


def lakesight(folder: Path, *words: str) -> None:
    subprocess.run([sys.executable, "-m", "cvcore.cli.main", *words], cwd=folder, check=True)


def asked(folder: Path, ids: dict[str, str]) -> dict[str, str]:
    """Deploy two of the models and let one answer for a folder; the batch's id and a picture's key."""
    from cvcore.config.composer import load
    from cvcore.data.readers import open_splits
    from launch.ledger import Ledger
    from panel_app.media import Media
    from panel_app.playground.pictures import Pictures

    lakesight(folder, "register", ids["digits-detector"], "--as", "digits", "--images", "20")
    lakesight(folder, "promote", "digits", "latest", "--policy", GATE)
    for name, model in ENDPOINTS.items():
        lakesight(folder, "deploy", ids.get(model, model), "--name", name)
    conf = load(["task=detection"])
    split = open_splits(conf.data, "detection")["test"]
    photos = folder / "photos"
    photos.mkdir()
    for number in range(60):
        data = split[number].image.read()
        (photos / f"scene-{number:03d}.png").write_bytes(data)
    picture = Pictures(Media("")).keep((photos / "scene-003.png").read_bytes(), "scene-003.png")
    lakesight(
        folder,
        *("batch", ids["digits-detector"], "photos", "answers"),
        *("--background", "--follow", "--workers", "1"),
    )
    (batch,) = Ledger(f"sqlite:///{folder}/mlruns.db").runs(kind="batch")
    return {"image": picture.key, "batch": batch.run_id}


def take(page, url: str, ids: dict[str, str], folder: Path) -> None:
    """Write the picture of every page, by day; of a run by night too."""
    page.goto(f"{url}?page=nope")
    seen(page, "There is no such page")
    for name, values, words in PAGES:
        filled = dict(values)
        for title, run_id in ids.items():
            filled = {key: text.replace(f"{{{title}}}", run_id) for key, text in filled.items()}
        follow(page, **filled)
        seen(page, words)
        page.wait_for_timeout(6_000)
        page.mouse.move(900, 34)
        page.screenshot(path=folder / f"app-{name}.png")
        if name == "run":
            page.get_by_role("button", name="Toggle theme").click()
            page.mouse.move(900, 34)
            page.wait_for_timeout(4_000)
            page.screenshot(path=folder / "app-run-dark.png")
            page.get_by_role("button", name="Toggle theme").click()
            page.wait_for_timeout(2_000)
    page.context.clear_cookies()


def test_pictures_of_every_page(page, runs) -> None:
    server, ids = runs
    folder = Path(os.environ["LAKESIGHT_SCREENSHOTS"])
    take(page, server.url, ids, folder)
    for name in [*(one[0] for one in PAGES), "run-dark"]:
        assert 10_000 < (folder / f"app-{name}.png").stat().st_size < MAX_BYTES, name
