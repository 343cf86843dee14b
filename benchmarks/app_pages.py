"""How quickly the app's pages appear in a browser: first paint, and from page to page with 1,000 runs.

Chromium, headless, software rendering, on the machine that serves. First paint is the browser's own
"first contentful paint" and the moment the page's heading is there, in a warm and in a new profile;
a switch is from the click on a link to the frame in which the other page is shown.

    python -m benchmarks.app_pages
"""

from __future__ import annotations

import json
import shutil
import statistics
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.app_live import Server

NUM_RUNS = 1_000
NUM_SWITCHES = 30
_SWITCH = """async ({label, heading}) => {
  const all = (root, found = []) => {
    for (const node of root.querySelectorAll("*")) {
      found.push(node); if (node.shadowRoot) all(node.shadowRoot, found)
    }
    return found
  }
  const nodes = all(document)
  const link = nodes.find((n) => n.tagName === "A" && n.textContent.trim().endsWith(label))
  // Found before: looking through a page of thousands of nodes takes as long as the switch.
  const head = nodes.find((n) => /^H\\d$/.test(n.tagName) && n.textContent.trim() === heading)
  const start = performance.now()
  link.click()
  while (!head.checkVisibility()) await new Promise((done) => requestAnimationFrame(done))
  await new Promise((done) => requestAnimationFrame(done))
  return performance.now() - start
}"""


def filled(uri: str) -> str:
    """Write 1,000 runs and return the id of one."""
    from mlflow import MlflowClient
    from mlflow.entities import Param, RunTag

    client = MlflowClient(uri)
    experiment = client.create_experiment("bench")
    for number in range(NUM_RUNS):
        run_id = client.create_run(experiment, run_name=f"run {number}").info.run_id
        params = [Param("task.kind", "detection"), Param("task.metric", "AP")]
        tags = [RunTag("lakesight.user", f"user{number % 7}@example.org")]
        client.log_batch(run_id, params=params, tags=tags)
        client.log_metric(run_id, "val/AP", number / NUM_RUNS, step=1)
        client.set_terminated(run_id)
    return str(run_id)


def run() -> list[dict[str, Any]]:
    """Return rows of the benchmark table."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    with tempfile.TemporaryDirectory() as name, sync_playwright() as driver:
        uri = f"sqlite:///{name}/mlruns.db"
        filled(uri)
        server = Server(Path(name))
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        try:
            paints = [_first_paint(browser, server.url) for _ in range(5)]
            page = browser.new_page(viewport={"width": 1360, "height": 860})
            page.goto(server.url)
            calm, hasty = _switches(page, pause_ms=1_000), _switches(page, pause_ms=0)
        finally:
            browser.close()
            server.stop()
    return [
        _row("first paint, again", statistics.median(p[0] for p in paints), "", ""),
        _row("first page usable, new profile", statistics.median(p[1] for p in paints), "", ""),
        _row("first page usable, again", statistics.median(p[2] for p in paints), "goal: 2", ""),
        _switch_row(calm, "one switch after the other", "goal: 0.15"),
        _switch_row(hasty, "without a pause", ""),
    ]


def _first_paint(browser: Any, url: str) -> tuple[float, float, float]:
    context = browser.new_context(viewport={"width": 1360, "height": 860})
    page = context.new_page()
    found = []
    for _ in range(2):
        page.goto(f"{url}?page=history")
        page.get_by_role("heading", name="History").wait_for()
        found.append(page.evaluate("performance.now()") / 1000)
    page.wait_for_timeout(1_000)
    paint = page.evaluate(
        "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? NaN"
    )
    context.close()
    return paint / 1000, found[0], found[1]


def _switches(page: Any, pause_ms: float) -> list[float]:
    pages = ("History", "Configure")
    for label in pages:
        page.get_by_role("link", name=label).first.click()
        page.get_by_role("heading", name=label).first.wait_for()
        page.wait_for_timeout(3_000)
    found = []
    for number in range(NUM_SWITCHES):
        page.wait_for_timeout(pause_ms)
        name = pages[number % 2]
        found.append(page.evaluate(_SWITCH, {"label": name, "heading": name}))
    return found


def _switch_row(switches: list[float], how: str, goal: str) -> dict[str, Any]:
    quantiles = statistics.quantiles(switches, n=20)
    return _row(
        f"page to page with {NUM_RUNS:,} runs, {how}: p95",
        quantiles[18] / 1000,
        goal,
        f"p50 {quantiles[9]:.0f} ms, slowest {max(switches):.0f} ms of {len(switches)} switches "
        "between Configure and History",
    )


def _row(name: str, seconds: float, reference: str, note: str) -> dict[str, Any]:
    return {
        "benchmark": name,
        "ours": round(seconds, 2),
        "reference": reference,
        "unit": "s",
        "ratio": "",
        "note": note,
    }


if __name__ == "__main__":
    for row in run():
        print(json.dumps(row))
