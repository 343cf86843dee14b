"""The pages as a person meets them: in Chromium, from a server of its own process."""

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
