"""The widgets in a real JupyterLab, in a real browser, without internet: the notebook of the docs runs."""

import pytest

from launch.launchers import get_launcher
from launch.ledger import Ledger
from tests.panel_app.conftest import pictured
from tests.panel_app.notebook.jupyterlab import DOCS, JupyterLab, sources

pytestmark = [pytest.mark.ui, pytest.mark.slow]

ICON = """(icon) => [...document.fonts].some((one) =>
  one.family.includes("Material Icons") && one.status === "loaded"
  && getComputedStyle(icon).fontFamily.includes("Material Icons"))"""


@pytest.fixture(scope="module")
def lab(ledger, tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("lab")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAKESIGHT_STATE_DIR", str(folder / "state"))
        lab = JupyterLab(folder, MLFLOW_TRACKING_URI=ledger[0], BOKEH_RESOURCES="server")
        yield lab
        for run in Ledger(ledger[0]).runs():
            get_launcher("local").cancel(run.handle)
        lab.stop()


def test_the_notebook_of_the_docs_runs_and_a_run_is_watched(page, lab, ledger) -> None:
    # A kernel starts and imports what the app has imported long before its first page.
    page.set_default_timeout(120_000)
    outside: list[str] = []
    page.route(
        lambda url: not url.startswith((lab.url, "data:", "blob:")),
        lambda route: (outside.append(route.request.url), route.abort()),
    )
    sent: list[int] = []
    page.on("websocket", lambda one: one.on("framesent", lambda data: sent.append(len(data))))
    cells = [*sources(DOCS), f"monitor('{ledger[1]['first'][:8]}')"]
    lab.open(page, "lakesight.ipynb", cells)
    shown = page.locator(".jp-CodeCell")
    explored, composed, printed, launched, watched = (shown.nth(i) for i in (1, 2, 3, 5, 6))

    pictured(page, explored, ".cell img")
    assert explored.get_by_text("Digits (built in)").first.is_visible()
    icon = explored.get_by_role("button", name="Inspect").locator(".material-icons")
    page.wait_for_function(ICON, arg=icon.element_handle())
    explored.get_by_role("tab", name="Augmentation").click()
    explored.locator(".draws img").first.wait_for()

    composed.scroll_into_view_if_needed()
    composed.get_by_text("lakesight submit task=classification").wait_for()
    composed.get_by_role("tab", name="Optimizer").click()
    composed.get_by_role("textbox", name="Weight decay").fill("0.25")
    composed.get_by_text("optim.weight_decay=0.25").wait_for()
    assert "run.title=from a notebook" in printed.locator(".jp-OutputArea-output").inner_text()

    launched.scroll_into_view_if_needed()
    launched.get_by_role("heading", name="from a notebook").wait_for()
    watched.scroll_into_view_if_needed()
    watched.get_by_text("AP 0.6250").first.wait_for()
    watched.get_by_text("mean loss since the last log").first.wait_for()
    assert outside == []
    # What the kernel has sent does not come back to it: it would be megabytes, and a traceback in the cell.
    assert max(sent) < 1_000_000
    assert "Traceback" not in page.locator(".jp-Notebook").inner_text()
