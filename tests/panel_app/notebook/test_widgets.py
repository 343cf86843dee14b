"""`monitor` in a real JupyterLab, in a real browser, without internet."""

import pytest

from tests.panel_app.notebook.jupyterlab import JupyterLab

pytestmark = [pytest.mark.ui, pytest.mark.slow]


@pytest.fixture(scope="module")
def lab(ledger, tmp_path_factory: pytest.TempPathFactory):
    lab = JupyterLab(tmp_path_factory.mktemp("lab"), MLFLOW_TRACKING_URI=ledger[0])
    yield lab
    lab.stop()


def test_a_run_is_watched(page, lab, ledger) -> None:
    # A kernel starts and imports what the app has imported long before its first page.
    page.set_default_timeout(120_000)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    run_id = ledger[1]["first"][:8]
    lab.open(page, "run.ipynb", [f"from panel_app.notebook import monitor\nmonitor('{run_id}')"])
    output = page.locator(".jp-OutputArea")
    output.get_by_text("AP 0.6250").first.wait_for()
    output.get_by_text("mean loss since the last log").first.wait_for()
    # What a page adds later asks for Panel's own style sheets; nothing waits for them.
    away = [url for url in asked if not url.startswith((lab.url, "data:", "blob:"))]
    assert not [url for url in away if ".css" not in url], away
