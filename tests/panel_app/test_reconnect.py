"""A page outlives the app: it comes back by itself, at its address."""

import pytest

from tests.panel_app.conftest import Server

pytestmark = [pytest.mark.ui, pytest.mark.slow]


def test_a_page_comes_back_after_a_restart_of_the_app(page, ledger, tmp_path) -> None:
    first = Server(ledger[0], tmp_path)
    port = first.url.rstrip("/").rpartition(":")[2]
    again = None
    try:
        page.goto(f"{first.url}?page=history&q=first")
        page.get_by_role("link", name="first").wait_for()
        page.evaluate("window.before = true")
        code, seconds = first.stop()
        assert (code, seconds < 15) == (0, True)
        page.get_by_text("The connection to the app is lost").wait_for()
        again = Server(ledger[0], tmp_path, "--port", port)
        page.wait_for_function("window.before === undefined")
        page.get_by_role("link", name="first").wait_for()
        assert page.url.endswith("?page=history&q=first")
        assert page.get_by_label("Search").input_value() == "first"
        assert page.get_by_role("link", name="third").count() == 0
    finally:
        for server in (first, again):
            if server is not None:
                server.process.kill()
