"""What one browser tab shows: navigation, the page that the address means, the clock that refreshes it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any, cast

import panel as pn
import panel_material_ui as pmui
from panel.io.callbacks import PeriodicCallback
from panel.util.parameters import edit_readonly
from panel_material_ui.template.base import Page as Shell

from cvcore.errors import did_you_mean
from panel_app.appearance import Appearance
from panel_app.context import Context
from panel_app.identity import no_token
from panel_app.navigation import ENTRIES, PAGES
from panel_app.pages.base import Page, heading, notice
from panel_app.reconnect import Reconnect
from panel_app.router import CUT, Router, is_too_long, query
from panel_app.safe import safe
from panel_app.services import Services
from panel_app.theme import Theme
from panel_app.views.ready import Ready

log = logging.getLogger(__name__)


class Words:
    """A page in words: what is not there."""

    period_ms = 60_000
    heading = "No such page"

    def __init__(self) -> None:
        """Say nothing yet."""
        self.view = pn.Column(sizing_mode="stretch_width")

    async def open(self, values: Mapping[str, str]) -> None:
        """Say that there is no such page."""
        page = values.get("page", "")
        known = ", ".join(PAGES)
        self.view.objects = [
            heading("There is no such page"),
            notice(
                f"{page!r} is not a page",
                f"Pages: {known}.{did_you_mean(page, PAGES)} Choose one on the left.",
                "warning",
            ),
        ]

    async def refresh(self) -> None:
        """Nothing changes here."""

    def close(self) -> None:
        """Nothing is held."""


class Session:
    """One browser tab."""

    def __init__(
        self,
        services: Services,
        theme: Theme,
        user: str,
        wanted: dict[str, str],
        token: Callable[[], str] = no_token,
        dark: bool = False,
    ) -> None:
        """Build the shell; the page comes with `start`.

        Args:
            services: of the process.
            theme: colours, font, logo.
            user: who sits there.
            wanted: values of the address.
            token: returns their own access token.
            dark: whether to begin dark.
        """
        self.theme = theme
        self._wanted = wanted
        self._pages: dict[str, tuple[Page, Ready]] = {}
        self._busy: Page | None = None
        self._clock: Any = None
        self._openings: set[asyncio.Task[None]] = set()
        self._turn = 0
        self._is_closed = self._is_there = False
        self.current: Page | None = None
        self.router = Router(self._begin, width=0, height=0, margin=0)
        self.context = Context(services, user, self, token)
        self.shown = [entry for entry in ENTRIES if entry.label]
        self.menu = pmui.MenuList(
            items=[
                {"label": entry.label, "icon": entry.icon, "href": query(page=entry.key)}
                for entry in self.shown
            ],
            active=0,
            dense=False,
            sizing_mode="stretch_width",
        )
        self.main = pn.Column(sizing_mode="stretch_width", margin=(12, 24))
        self.appearance = Appearance(dark=dark, width=0, height=0, margin=0)
        reconnect = Reconnect(width=0, height=0, margin=0)
        hidden = [self.router, self.appearance, reconnect]
        self.page = Shell(
            title=theme.title,
            logo=theme.logo,
            theme_config=theme.mui(),
            sidebar=[self.menu],
            sidebar_width=220,
            header=[
                pn.pane.HTML(
                    f'<div style="text-align:right;font-size:14px;color:inherit">{safe(user)}</div>',
                    sizing_mode="stretch_width",
                    styles={"color": "inherit"},
                    margin=(10, 8),
                )
            ],
            main=[self.main, *hidden],
            dark_theme=dark,
            meta_apple_touch_icon=None,
        )
        # The kit has each page follow whether any session of the process is at work: what one person clicks
        # would be computed for every tab, and sent to it.
        with edit_readonly(self.page):
            self.page.busy = False
        notes = cast("Any", pn.state.notifications)
        if notes is not None:
            # The kit's notes paint the body too: without the theme, with the kit's own colours.
            notes.theme_config = theme.mui()
        self._mark(PAGES.get(wanted.get("page", ENTRIES[0].key)))
        self.page.param.watch(
            lambda event: self.appearance.param.update(dark=event.new), "dark_theme"
        )
        self.appearance.param.watch(self._turned, "dark")

    async def start(self) -> None:
        """Show the page that the address asked for: called when the browser is there."""
        self._begin(self._wanted)

    async def open(self, values: Mapping[str, str]) -> None:
        """Show the page that an address means; one that is asked for meanwhile is shown in its place."""
        name = values.get("page") or ENTRIES[0].key
        self._turn += 1
        turn = self._turn
        self._mark(PAGES.get(name))
        former, self.current = self.current, None
        try:
            page, ready = self._page(name)
            if former is not None and former is not page and hasattr(former, "leave"):
                former.leave()
            await ready.wait()
            self._is_there = True
            self._turned()
            if turn != self._turn:
                return
            self.current = page
            if CUT in values:
                self.tell(
                    f"The address is too long: the end of {values[CUT]!r} is left out.", "warning"
                )
            await page.open(values)
        except Exception as error:  # noqa: BLE001 (an edge: a page that can't be built ends no session)
            self._fault(name, error)
            return
        if turn == self._turn:
            self._title(page)
            self._tick_for(page)

    async def refresh(self) -> None:
        """Read again what the page shows; a read that takes long is not begun twice."""
        page = self.current
        if page is None or self._busy is page or _is_left():
            return
        self._busy = page
        try:
            await page.refresh()
        except Exception as error:  # noqa: BLE001 (an edge: one read that fails must not end the clock)
            self._fault(page.heading, error)
        finally:
            if self._busy is page:
                self._busy = None
        if page is self.current:
            self._title(page)

    def close(self) -> None:
        """Let everything go."""
        self._is_closed = True
        if self._clock is not None:
            self._clock.stop()
        for task in self._openings:
            task.cancel()
        for page, _ in self._pages.values():
            page.close()

    def open_address(self, values: Mapping[str, str]) -> None:
        """Go to a page; Back returns."""
        self.router.push(query(**values))
        self._begin(values)

    def keep_address(self, values: Mapping[str, str]) -> None:
        """Show an address in place of this one; one that is too long is not shown (the page says so)."""
        if not is_too_long(values):
            self.router.replace(query(**values))

    def tell(self, text: str, severity: str) -> None:
        """Show a note for some seconds."""
        notes = pn.state.notifications
        if notes is not None:
            notes.send(text, duration=6_000, type=severity)

    def _turned(self, _: Any = None) -> None:
        """Be dark or light as the browser says; once it has put the page together, before it is lost."""
        if self._is_there:
            self.page.param.update(dark_theme=self.appearance.dark)

    def _begin(self, values: Mapping[str, str]) -> None:
        # In a task of its own: a handler that waits holds the document, and what the browser says with it.
        task = asyncio.get_running_loop().create_task(self.open(values))
        self._openings.add(task)
        task.add_done_callback(self._openings.discard)

    def _page(self, name: str) -> tuple[Page, Ready]:
        """Return a page, shown in place of the others, and who knows when the browser has it."""
        if name not in PAGES:
            name = ""
        with pn.io.hold():
            for key, (other, _) in self._pages.items():
                other.view.visible = key == name
            if name not in self._pages:
                # Built once; another page is hidden meanwhile, so that it goes on where it was.
                page: Page = PAGES[name].build(self.context) if name else Words()
                self._pages[name] = (page, Ready())
                self.main.extend([page.view, self._pages[name][1]])
        return self._pages[name]

    def _mark(self, entry: Any) -> None:
        keys = [one.key for one in self.shown]
        wanted = (entry.below or entry.key) if entry else ""
        self.menu.active = keys.index(wanted) if wanted in keys else None

    def _title(self, page: Page) -> None:
        self.router.heading = f"{page.heading} - {self.theme.title}"

    def _tick_for(self, page: Page) -> None:
        if self._clock is None:
            refresh = cast("Any", self.refresh)
            # In the background: a tick that counted as busy would tell so to every session's page.
            self._clock = PeriodicCallback(callback=refresh, period=page.period_ms, background=True)
            self._clock.start()
        elif self._clock.period != page.period_ms:
            self._clock.period = page.period_ms

    def _fault(self, where: str, error: Exception) -> None:
        log.error("the page %s has a fault", where, exc_info=error)
        self.context.tell("This page has a fault. The log of the app has it.", "error")


def _is_left() -> bool:
    """Whether the browser is gone: its session is kept for a minute, and must not cost the others."""
    context: Any = pn.state.curdoc.session_context if pn.state.curdoc else None
    session = getattr(context, "session", None)
    return session is not None and session.connection_count == 0
