"""The pages as a person meets them: in Chromium, from a server of its own process."""

import math

import pytest

from tests.panel_app.conftest import NASTY

pytestmark = [pytest.mark.ui, pytest.mark.slow]


def test_a_run_is_found_opened_and_left_again(page, server, ledger) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{server.url}?page=history")
    page.get_by_text("3 runs").wait_for()
    page.get_by_text("1 running").wait_for()
    page.get_by_role("link", name="third").wait_for()
    page.get_by_label("Search").press_sequentially("first")
    page.get_by_text("1 of 3 runs").wait_for()
    page.wait_for_url("**q=first")
    page.get_by_role("link", name="first").click()
    page.get_by_text("AP 0.6250").wait_for()
    page.get_by_text("mean loss since the last log").wait_for()
    assert ledger[1]["first"] in page.url
    page.reload()
    page.get_by_text("AP 0.6250").wait_for()
    page.go_back()
    page.get_by_role("heading", name="History").wait_for()
    away = [url for url in asked if not url.startswith((server.url, "data:", "blob:"))]
    assert len(asked) > 20
    assert not away, away


def test_the_same_link_leads_there_again_after_the_app_moved_by_itself(page, server) -> None:
    page.goto(f"{server.url}?page=history")
    page.get_by_role("heading", name="History").wait_for()
    for _ in range(2):
        page.get_by_role("link", name="Train", exact=True).click()
        page.get_by_role("button", name="New run").click()
        page.get_by_role("heading", name="Configure").wait_for()


def test_text_of_users_is_never_markup(page, server, ledger) -> None:
    page.goto(f"{server.url}?page=run&run={ledger[1][NASTY]}")
    page.get_by_role("heading", name=NASTY).wait_for()
    page.goto(f"{server.url}?page=history")
    page.get_by_role("link", name=NASTY).wait_for()
    page.goto(f"{server.url}?page={NASTY}")
    page.get_by_text("There is no such page").wait_for()
    page.wait_for_timeout(500)
    assert page.evaluate("window.pwned") is None


def test_an_unknown_run_is_a_page_in_words(page, server) -> None:
    page.goto(f"{server.url}?page=run&run=nope")
    page.get_by_text("There is no such run").wait_for()


SHOWN = """(wanted) => {
  const models = Bokeh.documents.flatMap((one) => [...one._all_models.values()])
  const all = models.filter((one) => one.type === "ColumnDataSource" && one.data.step)
    .map((one) => [...one.data.step])
  return all.filter((steps) => wanted(steps)).length
}"""
"""How many curves of the page have steps as wanted."""
THINNED = "(steps) => steps.length > 500 && steps.length < 4000 && steps.at(-1) === 5999"
EVERY = """(steps) => steps.length > 500 && steps[0] > 300 && steps.at(-1) < 5700
  && steps.every((step, i) => !i || step === steps[i - 1] + 1)"""


def test_a_long_curve_is_exact_on_zoom_smoothed_and_whole_again(page, server, ledger) -> None:
    from mlflow import MlflowClient
    from mlflow.entities import Metric

    client = MlflowClient(ledger[0])
    points = [Metric("val/AR", math.sin(i / 300), 1_000 + i, i) for i in range(6_000)]
    for start in range(0, 6_000, 1_000):
        client.log_batch(ledger[1]["first"], metrics=points[start : start + 1_000])
    page.goto(f"{server.url}?page=run&run={ledger[1]['first']}")
    note = page.get_by_text("6,000 points, extremes kept; zoom in for every point")
    note.wait_for()
    page.wait_for_function(f"({SHOWN})({THINNED}) === 1")
    note.scroll_into_view_if_needed()
    box = note.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 150, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + 250, box["y"] + 130, steps=4)
    page.mouse.up()
    page.wait_for_function(f"({SHOWN})({EVERY}) === 1")

    page.get_by_role("slider", name="Smoothing").press("End")
    page.wait_for_url("**smooth=0.99**")
    page.wait_for_function(f"({SHOWN})({EVERY}) === 2")
    page.mouse.move(box["x"] + 200, box["y"] + 100)
    page.locator('[title="Reset"]').filter(visible=True).first.click()
    page.wait_for_function(f"({SHOWN})({THINNED}) === 2")
