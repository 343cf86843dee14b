"""A real server of the app with a real ledger, and a real Chromium."""

import math
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

NASTY = "<img src=x onerror=window.pwned=1>"


@pytest.fixture(scope="session")
def chromium() -> str:
    """The system's Chromium; without it these tests fail: they are what says that pages work."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if not found:
        pytest.fail("Chromium is not installed. Install it: apt-get install chromium")
    return found


@pytest.fixture(scope="module")
def page(chromium: str):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1360, "height": 860})
        page.set_default_timeout(30_000)
        yield page
        browser.close()


def filled(uri: str) -> dict[str, str]:
    """Write three runs into a ledger; title -> id."""
    from mlflow import MlflowClient

    client = MlflowClient(uri)
    experiment = client.create_experiment("cells")
    ids = {}
    for title, end in (("first", "FINISHED"), (NASTY, "FAILED"), ("third", "")):
        run_id = client.create_run(experiment, run_name=title).info.run_id
        client.log_param(run_id, "task.kind", "detection")
        client.log_param(run_id, "task.metric", "AP")
        for step in range(4):
            client.log_metric(run_id, "train/loss", math.exp(-step), step=step)
        client.log_metric(run_id, "val/AP", 0.625, step=3)
        if end:
            client.set_terminated(run_id, end)
        ids[title] = run_id
    return ids


def follow(tab, **values: str) -> None:
    """Follow a link between pages, without loading the app anew."""
    tab.evaluate(
        """(href) => {
          const link = document.createElement("a")
          link.href = href
          document.body.append(link)
          link.click()
          link.remove()
        }""",
        "?" + urlencode(values),
    )


def seen(tab, text: str):
    """Wait until a text is to be seen."""
    found = tab.get_by_text(text).filter(visible=True).first
    found.wait_for()
    return found


class Server:
    """`python -m panel_app` in a process of its own."""

    def __init__(self, uri: str, folder: Path, *arguments: str) -> None:
        words = ["-m", "panel_app", "--port", "0", "--tracking-uri", uri, *arguments]
        self.folder = folder
        self.log = folder / "server.log"
        environment = {k: v for k, v in os.environ.items() if k != "BOKEH_SECRET_KEY"}
        with self.log.open("w") as out:
            self.process = subprocess.Popen(
                [sys.executable, *words], cwd=folder, stdout=out, stderr=out, env=environment
            )
        end = time.monotonic() + 90
        while not (found := re.search(r"(http://127\S+)", self.log.read_text())):
            if self.process.poll() is not None or time.monotonic() > end:
                self.process.kill()
                pytest.fail(f"the server did not start: {self.log.read_text()}")
            time.sleep(0.1)
        self.url = found[1]

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, float]:
        """Ask it to end; its exit code and how long it took, seconds."""
        start = time.monotonic()
        self.process.send_signal(number)
        try:
            return self.process.wait(30), time.monotonic() - start
        finally:
            self.process.kill()


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, str]]:
    uri = f"sqlite:///{tmp_path_factory.mktemp('ledger')}/mlruns.db"
    return uri, filled(uri)


@pytest.fixture(scope="module")
def server(ledger, tmp_path_factory: pytest.TempPathFactory):
    server = Server(ledger[0], tmp_path_factory.mktemp("server"))
    yield server
    server.stop()


def pictured(page: Any, within: Any, selector: str) -> None:
    """Wait until a picture is not only there but loaded: one that can't be read is taken away at once."""
    image = within.locator(selector).first
    image.wait_for()
    page.wait_for_function(
        "image => image.complete && image.naturalWidth > 20", arg=image.element_handle()
    )
