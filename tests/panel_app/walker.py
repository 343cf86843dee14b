"""Operates whatever a page offers, and tells which of it changes nothing else on the page."""

from __future__ import annotations

import contextlib
from collections import Counter
from pathlib import Path
from typing import Any

from playwright.sync_api import Error as PlaywrightError

from panel_app.navigation import ENTRIES
from tests.panel_app.conftest import follow, seen

SCRIPT = Path(__file__).with_name("walk.js").read_text()

LEFT_OUT = (
    "Lakesight",
    "Launch",
    "Dry run",
    "Start the dry run",
    "Inspect",
    "Skip to main content",
)
"""The way home loads the app anew; the others begin work of minutes. Each has a test of its own."""
WORK = {
    "play_arrow Evaluate",
    "Register",
    "Judge only",
    "Judge and promote",
    "Export as ONNX",
    "Deploy",
    "Start",
    "Smoke test",
    "Load test",
}
"""Likewise; other controls begin with the same words."""
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
    ("configure", "YAML to import"),
    ("monitor", "How many"),
    ("monitor", "New folder"),
    # Of output that is shorter than its space there is no end to follow.
    ("run", "follow the end"),
    # Until the whole name is typed the button stays off.
    ("deploy", "Type cells to confirm"),
}
"""Reviewed: (page, label) of controls that rightly change nothing else at once."""
MOST = 400
"""Controls of a page: more come from a control that is another one each time."""
AT_ONCE = 8
"""Fields of a form that are operated together."""
SHORT_S = 0.3
"""For what may rightly do nothing."""
SAMPLES = 12
"""Of a kind of which one stands for all; see ALIKE in walk.js."""
TRIES = 3
TYPED = ("text", "search", "textarea", "number", "tel", "url", "email")
QUIET_MS = 100
TURN_MS = 400
"""A page that was turned is quiet for longer before it shows what is on it."""
CLICK_MS = 1_500
WORDS_MS = 3_000
"""What a page shows may have to be read first; its words may as well be behind another tab."""
LIST_MS = 700
"""In which a list of choices that was left has gone, on a machine with nothing else to do."""
NO_CHOICE = "there is no other choice"
OPTIONS = "(it) => [...it.options].map((one) => one.value)"


class Walker:
    """Operates the controls of one page, one after the other; what one brings to light is next."""

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
        done: set[tuple[str, ...]] = set()
        doubted: set[tuple[str, ...]] = set()
        since: dict[tuple[str, ...], int] = {}
        gone: Counter[tuple[str, ...]] = Counter()
        dead: list[str] = []
        came = 0
        last: tuple[tuple[str, ...], int] = (), 0
        while len(done) < MOST:
            if f"page={self.values['page']}" not in self.page.url:
                self._come(again=True)
            found = self.page.evaluate("walk_controls()")
            if self._is_less(found, last):
                found = self.page.evaluate("walk_controls()")
            last = (), 0
            for one in found:
                since.setdefault(_key(one), len(done))
            fresh = [one for one in found if _key(one) not in done and self._may(one)]
            if not fresh:
                if came == len(done):
                    # Those that are not to be seen any more can't be operated by hand.
                    dead += [f"{self.values['page']}: {one[0]} {one[1]!r}" for one in doubted]
                    return dead, len([one for one in done if len(one) > 1])
                # What was to be seen first may have gone with the first step.
                came = len(done)
                self._come(again=True)
                with contextlib.suppress(PlaywrightError):
                    words = self.page.get_by_text(self.words).filter(visible=True)
                    words.first.wait_for(timeout=WORDS_MS)
                    self._settle()
                continue
            newest = max(since[_key(one)] for one in fresh)
            fresh = [one for one in fresh if since[_key(one)] == newest]
            # The first of each kind is operated by hand; the fields beside it are the same component.
            fields = _beside(fresh, done, doubted)
            if len(fields) > 1:
                done.update(map(_key, fields))
                numbers = [one["number"] for one in fields]
                left = self.page.evaluate("(numbers) => walk_fields(numbers, 3_000)", numbers)
                self._settle()
                # By hand, then, and with patience.
                doubted |= {_key(one) for one in fields if one["number"] in left}
                done -= doubted
                continue
            one = fresh[0]
            last = _key(one), len(found)
            done |= {_key(one), (one["kind"],)}
            doubted.discard(_key(one))
            # Of a group of which one is chosen, that one may do nothing.
            silent = one["chosen"] or (self.values["page"], one["label"]) in SILENT
            alike = [it for it in fresh if it["is_alike"] and _key(it) == _key(one)][:SAMPLES]
            try:
                is_dead = not self._works(alike or [one], silent)
            except PlaywrightError:
                # It went before it was operated, as what is drawn anew does: look for it again.
                gone[_key(one)] += 1
                is_dead = gone[_key(one)] == TRIES
                if not is_dead:
                    done.discard(_key(one))
            if is_dead and not silent:
                dead.append(self._name(one))
        raise AssertionError(f"more than {MOST} controls: {sorted(done)}")

    def _works(self, alike: list[dict[str, Any]], silent: bool) -> bool:
        """Whether one of a kind has an effect: others of it may have nothing to do just now."""
        wait_s = SHORT_S if silent or len(alike) > 1 else self.patience_s / 2
        if any(self._has_effect(one, wait_s) for one in alike):
            return True
        # What was operated while the page was still being drawn may be lost in the browser.
        return not silent and any(self._has_effect(one, self.patience_s) for one in alike[:2])

    def _is_less(self, found: list[dict[str, Any]], last: tuple[tuple[str, ...], int]) -> bool:
        """Whether a switch took others along; then it is switched back."""
        key, number = last
        same = next((one for one in found if _key(one) == key), None)
        if same is None or same["kind"] not in ("checkbox", "switch") or len(found) >= number:
            return False
        self.page.locator(f'[data-walk="{same["number"]}"]').first.evaluate(
            "(it) => it.click()", timeout=CLICK_MS
        )
        self._settle()
        return True

    def _name(self, one: dict[str, Any]) -> str:
        return f"{self.values['page']}: {one['kind']} {one['label']!r}"

    def _may(self, one: dict[str, Any]) -> bool:
        if one["label"].startswith(LEFT_OUT) or one["label"] in WORK:
            return False
        if one["label"] in SHELL and self.values["page"] not in ("train", "nope"):
            return False
        # The navigation is on every page and has tests of its own; its icons are words of the label.
        return not (one["kind"] == "a" and one["label"].partition(" ")[2] in NAVIGATION)

    def _come(self, *, again: bool = False) -> None:
        follow(self.page, **self.values)
        # What was operated stays so: the words may be behind another tab now.
        if not again:
            seen(self.page, self.words)
        self._settle(TURN_MS)

    def _settle(self, quiet_ms: int = QUIET_MS) -> None:
        """Wait until the page changes no more by itself."""
        self.page.evaluate("(quiet_ms) => walk_settled(quiet_ms, 15_000)", quiet_ms)

    def _has_effect(self, one: dict[str, Any], wait_s: float) -> bool:
        self.events.clear()
        number = str(one["number"])
        before = self.page.evaluate("(number) => walk_state(number)", number)
        control = self.page.locator(f'[data-walk="{number}"]').first
        text = control.input_value(timeout=CLICK_MS) if one["kind"] in TYPED else ""
        try:
            self._operate(control, one)
        except PlaywrightError:
            if not control.count():
                raise
            # A list that stays open for a second choice covers the rest of the page.
            self.page.keyboard.press("Escape")
            self._settle()
            before = self.page.evaluate("(number) => walk_state(number)", number)
            self._operate(control, one)
        changed = "(given) => walk_changed(...given)"
        # What happens outside of the page is told by an event, and only when nothing happens in it.
        for ms in (150, 1_000 * wait_s):
            most = max(ms, 1_000 * self.patience_s if ms > 150 else 0)
            if self.page.evaluate(changed, [number, before, ms, most]) or self.events:
                self._settle(TURN_MS if one["kind"] == "tab" else QUIET_MS)
                if one["kind"] in TYPED and one["kind"] != "number" and not one["in_form"]:
                    self._take_back(control, text)
                return True
        return False

    def _take_back(self, control: Any, text: str) -> None:
        """What is searched for, e.g., would leave nothing to operate."""
        with contextlib.suppress(PlaywrightError):
            control.fill(text, timeout=CLICK_MS)
            control.press("Tab", timeout=CLICK_MS)
            self._settle()

    def _operate(self, control: Any, one: dict[str, Any]) -> None:
        kind = one["kind"]
        if kind in TYPED:
            control.fill(control.evaluate("walk_other", timeout=CLICK_MS), timeout=CLICK_MS)
            control.press("Tab", timeout=CLICK_MS)
        elif kind == "chip":
            control.press("Delete", timeout=CLICK_MS)
        elif kind in ("range", "slider"):
            control.press("ArrowRight", timeout=CLICK_MS)
        elif kind == "select-one":
            values = control.evaluate(OPTIONS, timeout=CLICK_MS)
            now = control.input_value(timeout=CLICK_MS)
            others = [one for one in values if one != now]
            if others:
                control.select_option(others[0], timeout=CLICK_MS)
            else:
                self.events.append(NO_CHOICE)
        elif kind in ("checkbox", "radio"):
            control.evaluate("(it) => it.click()", timeout=CLICK_MS)
        elif kind == "combobox":
            self._choose(control)
        else:
            control.click(timeout=CLICK_MS)

    def _choose(self, control: Any) -> None:
        control.click(timeout=CLICK_MS)
        options = self.page.locator(".MuiPopover-root li, [role=option]").filter(visible=True)
        options.first.wait_for(timeout=CLICK_MS)
        now = control.inner_text(timeout=CLICK_MS).strip()
        others = [at for at, text in enumerate(options.all_inner_texts()) if text.strip() != now]
        if others:
            options.nth(others[-1]).click(timeout=CLICK_MS)
        else:
            self.events.append(NO_CHOICE)
        # Until it has gone its words are on the page. For a second choice it stays open.
        with contextlib.suppress(PlaywrightError):
            options.first.wait_for(state="hidden", timeout=LIST_MS)
            return
        if control.get_attribute("aria-expanded", timeout=CLICK_MS) == "true":
            self.page.keyboard.press("Escape")
        options.first.wait_for(state="hidden", timeout=CLICK_MS)


def _beside(
    fresh: list[dict[str, Any]], done: set[tuple[str, ...]], doubted: set[tuple[str, ...]]
) -> list[dict[str, Any]]:
    """The fields of a form that can be operated together, one control of each."""
    by_key: dict[str, dict[str, Any]] = {}
    for one in fresh:
        if one["in_form"] and (one["kind"],) in done and _key(one) not in doubted:
            # A field and what resets it would take each other's effect away.
            by_key.setdefault(one["key"], one)
    return list(by_key.values())[:AT_ONCE]


def _key(one: dict[str, Any]) -> tuple[str, ...]:
    return one["kind"], one["label"], one["key"]


def require_effects(page: Any, url: str, values: dict[str, str], words: str) -> None:
    """Walk a page of an app, and fail if something on it does nothing.

    Args:
        page: a tab.
        url: of the app.
        values: of the address.
        words: that are to be seen when the page is there.
    """
    page.set_default_timeout(60_000)
    opened(page, url)
    dead, number = Walker(page, values, words).walk()
    assert number >= 3, "the walk did not find the page's controls"
    assert not dead, f"of {number} controls these do nothing:\n" + "\n".join(dead)


def opened(page: Any, url: str) -> None:
    """Have the app in the tab; one session serves all walks."""
    if page.url.startswith(url) and page.evaluate("Boolean(window.walk_controls)"):
        return
    page.add_init_script(SCRIPT)
    page.goto(f"{url}?page=nope")
    seen(page, "There is no such page")
    page.wait_for_timeout(500)
