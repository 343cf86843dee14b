"""`configure`, `monitor` and `explore` in a real JupyterLab, in a real browser, without internet."""

import pytest

from tests.panel_app.notebook.jupyterlab import JupyterLab

pytestmark = [pytest.mark.ui, pytest.mark.slow]


@pytest.fixture(scope="module")
def lab(ledger, tmp_path_factory: pytest.TempPathFactory):
    lab = JupyterLab(tmp_path_factory.mktemp("lab"), MLFLOW_TRACKING_URI=ledger[0])
    yield lab
    lab.stop()


def test_the_app_s_pages_are_widgets(page, lab, ledger) -> None:
    # A kernel starts, and each cell imports what the app has imported long before its first page.
    page.set_default_timeout(120_000)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    lab.open(
        page,
        "widgets.ipynb",
        [
            "from panel_app.notebook import configure, explore, monitor",
            "form = configure('task=detection', 'optim.learning_rate=0.00123')\nform",
            f"monitor('{ledger[1]['first'][:8]}')",
            "print('asked for', form.overrides)",
            "explore('task=detection', 'data.num_train=12', 'data.num_val=10', 'data.num_test=10', "
            f"'data.cache_dir={lab.folder}/digits')",
        ],
    )
    output = page.locator(".jp-OutputArea")
    output.get_by_text("32 images").first.wait_for()
    output.get_by_text("AP 0.6250").first.wait_for()
    output.get_by_text("mean loss since the last log").first.wait_for()
    output.get_by_text("asked for ['task=detection', 'optim.learning_rate=0.00123']").wait_for()
    # What a page adds later asks for Panel's own style sheets; nothing waits for them.
    away = [url for url in asked if not url.startswith((lab.url, "data:", "blob:"))]
    assert not [url for url in away if ".css" not in url], away
