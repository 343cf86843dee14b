"""No hollow control: whatever a page offers is operated, and something else on the page must change."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Error as PlaywrightError

from panel_app.navigation import ENTRIES
from tests.panel_app.conftest import follow, seen

pytestmark = [pytest.mark.ui, pytest.mark.slow]

SCRIPT = Path(__file__).with_name("walk.js").read_text()
DIGITS = "task=detection data=digits data.num_train=40 data.num_val=20"

PAGES: tuple[tuple[dict[str, str], str], ...] = (
    ({"page": "configure"}, "lakesight submit"),
    ({"page": "data", "set": DIGITS}, "Duplicates"),
    ({"page": "train"}, "third"),
    ({"page": "playground"}, "There is no model to ask yet"),
    ({"page": "batch"}, "There is none yet"),
    ({"page": "history"}, "third"),
    ({"page": "run", "run": "{first}"}, "Parameters"),
    ({"page": "compare", "runs": "{first},{third}"}, "mean loss since the last log"),
)
LEFT_OUT = (
    "Lakesight",
    "Launch",
    "Dry run",
    "Start the dry run",
    "Inspect",
    "Skip to main content",
)
"""The way home loads the app anew; the others begin work of minutes. Each has a test of its own."""
NAVIGATION = {entry.label for entry in ENTRIES}
SHELL = ("Open drawer", "Close drawer", "Toggle theme")
"""The same on every page: operated once."""
SILENT = {
    # What is typed or chosen is taken by the button beside it: Save, Add, Estimate.
    ("history", "Tags"),
    ("configure", "Name of the recipe"),
    ("configure", "Add overrides"),
    ("configure", "Several values make a sweep: seed=1,2,3 is three runs"),
    ("playground", "Web address of an image"),
    ("configure", "Machines of"),
    ("configure", "Machines per run"),
}
"""Reviewed: (page, label) of controls that rightly change nothing else at once."""
MOST = 24
"""Controls of a page that are operated; those that come to light on the way are among them."""


class Walker:
    """Operates the controls of one page, one after the other."""

    def __init__(
        self, page: Any, values: dict[str, str], words: str, patience_s: float = 10
    ) -> None:
        self.page, self.values, self.words, self.patience_s = page, values, words, patience_s
        self.events: list[str] = []
        page.on("download", lambda _: self.events.append("download"))
        page.on("popup", lambda popup: (self.events.append("popup"), popup.close()))
        page.on("filechooser", lambda _: self.events.append("file chooser"))

    def walk(self) -> tuple[list[str], int]:
        """The dead ones, and how many were operated."""
        self._come()
        done: set[tuple[str, str]] = set()
        dead = []
        while len(done) < MOST:
            if f"page={self.values['page']}" not in self.page.url:
                self._come()
            found = self.page.evaluate("walk_controls()")
            fresh = [c for c in found if (c["kind"], c["label"]) not in done and self._may(c)]
            if not fresh:
                break
            one = fresh[0]
            done.add((one["kind"], one["label"]))
            # Of a group of which one is chosen, that one may do nothing.
            silent = one["chosen"] or (self.values["page"], one["label"]) in SILENT
            if not self._has_effect(one, 0.5 if silent else self.patience_s) and not silent:
                dead.append(f"{self.values['page']}: {one['kind']} {one['label']!r}")
        return dead, len(done)

    def _may(self, one: dict[str, Any]) -> bool:
        if one["label"].startswith(LEFT_OUT):
            return False
        if one["label"] in SHELL and self.values["page"] not in ("train", "nope"):
            return False
        # The navigation is on every page and has tests of its own; its icons are words of the label.
        return not (one["kind"] == "a" and one["label"].partition(" ")[2] in NAVIGATION)

    def _come(self) -> None:
        follow(self.page, **self.values)
        seen(self.page, self.words)
        self._settle()

    def _settle(self) -> None:
        """Wait until the page changes no more by itself."""
        before, end = "", time.monotonic() + 15
        while time.monotonic() < end:
            now = self.page.evaluate("walk_state('')")
            if now == before:
                return
            before = now
            self.page.wait_for_timeout(150)

    def _has_effect(self, one: dict[str, Any], wait_s: float) -> bool:
        self.events.clear()
        number = str(one["number"])
        control = self.page.locator(f'[data-walk="{number}"]').first
        control.evaluate("(it, number) => { it.dataset.walkOperated = number }", number)
        self.page.evaluate("navigator.clipboard?.writeText?.('').catch(() => {})")
        before = self.page.evaluate("(number) => walk_state(number)", number)
        try:
            self._operate(control, one)
        except PlaywrightError:
            # A list that stays open for a second choice covers the rest of the page.
            self.page.keyboard.press("Escape")
            self._settle()
            before = self.page.evaluate("(number) => walk_state(number)", number)
            try:
                self._operate(control, one)
            except PlaywrightError:
                return False
        end = time.monotonic() + wait_s
        while time.monotonic() < end:
            if (
                self.events
                or self.page.evaluate("(number) => walk_state(number)", number) != before
            ):
                self._settle()
                return True
            self.page.wait_for_timeout(40)
        return False

    def _operate(self, control: Any, one: dict[str, Any]) -> None:
        kind = one["kind"]
        if kind in ("text", "search", "textarea", "number", "tel", "url", "email"):
            text = control.input_value()
            control.fill("3" if kind == "number" or text.replace(".", "").isdigit() else f"{text}x")
            control.press("Tab")
        elif kind in ("range", "slider"):
            control.focus()
            control.press("ArrowRight")
        elif kind == "select-one":
            values = control.evaluate("(it) => [...it.options].map((one) => one.value)")
            now = control.input_value()
            control.select_option(next((v for v in values if v != now), now))
        elif kind in ("checkbox", "radio"):
            control.evaluate("(it) => it.click()")
        elif kind == "combobox":
            control.click(timeout=1_500)
            options = self.page.get_by_role("option", selected=False).filter(visible=True)
            if options.count():
                options.first.click(timeout=1_500)
        else:
            control.click(timeout=1_500)


def opened(page, server) -> None:
    """Have the app in the tab; one session serves all walks."""
    if not page.url.startswith(server.url):
        page.add_init_script(SCRIPT)
        page.goto(f"{server.url}?page=nope")
        seen(page, "There is no such page")
        page.wait_for_timeout(500)


@pytest.mark.parametrize(("values", "words"), PAGES, ids=[values["page"] for values, _ in PAGES])
def test_every_control_has_an_effect(page, server, ledger, values, words) -> None:
    page.set_default_timeout(60_000)
    opened(page, server)
    filled = {key: value.format(**ledger[1]) for key, value in values.items()}
    dead, number = Walker(page, filled, words).walk()
    assert number >= 3, "the walk did not find the page's controls"
    assert not dead, f"of {number} controls these do nothing:\n" + "\n".join(dead)


def test_the_walk_finds_a_dead_control(page, server) -> None:
    opened(page, server)
    page.evaluate(
        """() => {
          const dead = document.createElement("button")
          dead.textContent = "Improve the model"
          dead.style.cssText = "position: fixed; bottom: 0; left: 400px; z-index: 9999"
          document.body.append(dead)
        }"""
    )
    dead, _ = Walker(page, {"page": "nope"}, "There is no such page", patience_s=2).walk()
    assert dead == ["nope: submit 'Improve the model'"]
