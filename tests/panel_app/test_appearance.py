"""Light and dark, and who reads a page by other means than eyes and mouse."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.panel_app.conftest import follow, seen

pytestmark = [pytest.mark.ui, pytest.mark.slow, pytest.mark.usefixtures("warm")]

RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"],
    "resultTypes": ["violations"],
}
CONTRAST = {"runOnly": ["color-contrast"], "resultTypes": ["violations"]}
"""What differs between day and night."""
OF_THE_KIT: set[tuple[str, str]] = set()
"""Reviewed faults of panel-material-ui that are not ours to mend: (rule, what its element contains)."""

DIGITS = "task=detection data=digits data.num_train=40 data.num_val=20"
PAGES: tuple[tuple[dict[str, str], str], ...] = (
    ({"page": "configure"}, "lakesight submit"),
    ({"page": "data", "set": DIGITS}, "Duplicates"),
    ({"page": "train"}, "third"),
    ({"page": "register"}, "No model is registered yet"),
    ({"page": "deploy"}, "There is no endpoint yet"),
    ({"page": "evaluate"}, "This model has no finished evaluation yet"),
    ({"page": "playground"}, "There is no model to ask yet"),
    ({"page": "batch"}, "There is none yet"),
    ({"page": "history"}, "third"),
    ({"page": "run", "run": "{first}"}, "Parameters"),
    ({"page": "compare", "runs": "{first},{third}"}, "mean loss since the last log"),
    ({"page": "nope"}, "There is no such page"),
)


def faults(page, rules: dict) -> list[str]:
    """What axe finds and still finds some seconds later: a busy machine may show a control half turned."""
    for _ in range(3):
        if not (found := looked(page, rules)):
            break
        page.wait_for_timeout(2_000)
    return found


def looked(page, rules: dict) -> list[str]:
    found = []
    for rule in Axe().run(page, options=rules).response["violations"]:
        for node in rule["nodes"]:
            known = any(rule["id"] == one and text in node["html"] for one, text in OF_THE_KIT)
            if not known:
                found.append(f"{rule['id']}: {node['html'][:200]} ({node['failureSummary'][:200]})")
    return found


COLOURS = """() => {
  const colours = []
  const look = (one) => {
    // A page that was left stays, hidden.
    if (!one.checkVisibility() && getComputedStyle(one).display !== "contents") return
    const style = getComputedStyle(one)
    colours.push(style.color + style.backgroundColor)
    for (const child of [...(one.shadowRoot?.children ?? []), ...one.children]) look(child)
  }
  look(document.body)
  return colours.join()
}"""


def settled(page, before: str | None = None) -> str:
    """Wait until no colour changes any more, and the body's is another one; return the body's."""
    body = "getComputedStyle(document.body).backgroundColor"
    # On a busy machine a third of a second may pass with the page's work still to do.
    idle = "() => new Promise((done) => requestIdleCallback(() => done(true)))"
    if before is not None:
        page.wait_for_function(f"was => {body} !== was", arg=before)
    colours = None
    while page.evaluate(idle) and (now := page.evaluate(COLOURS)) != colours:
        colours = now
        page.wait_for_timeout(300)
    return str(page.evaluate(body))


def test_every_page_is_clean_to_axe_by_day_and_by_night(page, server, ledger) -> None:
    page.goto(f"{server.url}?page=nope")
    seen(page, "There is no such page")
    found = []
    bodies = set()
    toggle = page.get_by_role("button", name="Toggle theme")
    for values, words in PAGES:
        filled = {key: value.format(**ledger[1]) for key, value in values.items()}
        follow(page, **filled)
        seen(page, words)
        # As the page before was left: every other page is looked at by night first.
        before = settled(page)
        found += [f"{values['page']}, {before}: {one}" for one in faults(page, RULES)]
        toggle.click()
        page.mouse.move(600, 5)
        after = settled(page, before)
        found += [f"{values['page']}, {after}: {one}" for one in faults(page, CONTRAST)]
        bodies |= {before, after}
    page.context.clear_cookies()
    assert not found, "\n".join(found)
    # The theme's own, by day too.
    assert bodies == {"rgb(245, 247, 248)", "rgb(15, 23, 26)"}


def test_dark_is_remembered(page, server) -> None:
    page.goto(f"{server.url}?page=nope")
    seen(page, "There is no such page")
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.get_by_role("button", name="Toggle theme").click()
    page.wait_for_function("document.cookie.includes('lakesight_theme=dark')")
    page.reload()
    seen(page, "There is no such page")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != light
    page.context.clear_cookies()
    page.emulate_media(color_scheme="dark")
    page.reload()
    # A first visit is as the person's system is, without another one.
    page.wait_for_function(
        f"getComputedStyle(document.body).backgroundColor !== {light!r}"
        " && document.cookie.includes('lakesight_theme=dark')"
    )
    page.emulate_media(color_scheme="light")
    page.context.clear_cookies()


def test_the_navigation_works_by_keyboard(page, server) -> None:
    page.goto(f"{server.url}?page=nope")
    seen(page, "There is no such page")
    for _ in range(12):
        page.keyboard.press("Tab")
        here = page.evaluate(
            """() => {
              let one = document.activeElement
              while (one?.shadowRoot?.activeElement) one = one.shadowRoot.activeElement
              return one?.innerText ?? ""
            }"""
        )
        if here.strip().endswith("History"):
            break
    assert here.strip().endswith("History")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="History").wait_for()
    assert page.url.endswith("?page=history")
