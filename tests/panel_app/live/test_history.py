"""History and Compare as a person uses them."""

import csv
import io
import re

import pytest

from tests.panel_app.conftest import NASTY

pytestmark = [pytest.mark.ui, pytest.mark.slow]


def test_runs_are_filtered_grouped_tagged_and_exported(page, server, ledger) -> None:
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(f"{server.url}?page=history&state=FAILED")
    page.get_by_text("1 of 3 runs").wait_for()
    page.get_by_label("State").click()
    page.locator("li", has_text="any").click()
    page.get_by_role("link", name="third").wait_for()
    assert "state" not in page.url
    page.get_by_label("Group by").click()
    page.locator("li", has_text="state").click()
    page.get_by_text("1 run, highest AP 0.625").first.wait_for()
    page.get_by_role("button", name="Run", exact=True).click()
    page.wait_for_url("**sort=title**")
    # The same after a refresh, and for anybody who is sent the address.
    page.reload()
    page.get_by_text("1 run, highest AP 0.625").first.wait_for()

    page.get_by_label("Choose first").check()
    page.get_by_text("1 chosen").wait_for()
    page.get_by_role("button", name="Tags").click()
    page.get_by_role("textbox", name="Tags").fill(f"baseline, team={NASTY}")
    page.get_by_role("button", name="Save").click()
    page.get_by_text(f"team={NASTY}").wait_for()
    assert page.evaluate("window.pwned") is None

    with page.expect_download() as download:
        page.get_by_role("link", name="Export CSV").click()
    rows = list(csv.DictReader(io.StringIO(download.value.path().read_text())))
    assert {row["title"] for row in rows} == set(ledger[1])
    assert next(row for row in rows if row["title"] == "first")["tags"].startswith("baseline team=")
    assert not faults, faults


def test_chosen_runs_are_compared(page, server, ledger) -> None:
    page.goto(f"{server.url}?page=history")
    for title in ("first", "third"):
        page.get_by_label(f"Choose {title}").check()
    page.get_by_text("2 chosen").wait_for()
    page.get_by_role("button", name="Compare").click()
    page.wait_for_url(re.compile("page=compare"))
    page.get_by_text("mean loss since the last log").wait_for()
    page.get_by_role("link", name="third").wait_for()
    page.get_by_text("There is no difference.").wait_for()
    page.get_by_role("button", name="Log y").click()
    page.wait_for_url("**log=y**")
    page.reload()
    page.get_by_text("mean loss since the last log").wait_for()
    assert page.get_by_role("button", name="Log y").get_attribute("aria-pressed") == "true"
