"""Keeps the browser's address and the page together, without reloading.

A page's links are real links (`<a href="?page=run&run=...">`): a click on one is taken here, a middle
click opens a tab. Panel's own `Location` does not hear the Back button.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs, urlencode

import panel as pn
import param

from panel_app.views.script import SAY

MAX_LENGTH = 6_000
"""Of a value: a long recipe fits, and the whole request stays below the server's limit."""
CUT = "cut"
"""Among the values: the keys whose values were longer, and lost their end."""


_FOLLOWED = """
      const followed = (event) => {
        if (event.defaultPrevented || event.button || event.metaKey || event.ctrlKey
            || event.shiftKey || event.altKey) return
        const link = event.composedPath().find((node) => node.tagName === "A")
        const href = link?.getAttribute("href")
        if (!href?.startsWith("?") || !["", "_self"].includes(link.target)) return
        event.preventDefault()
        event.stopPropagation()
        return href
      }
"""


class Links(pn.custom.JSComponent):
    """Takes clicks on links between pages inside of a notebook's cell; the address is not ours there."""

    url = param.String(default="", doc="The query of the link that was clicked, with its `?`.")

    _esm = (
        """
    export function render({model}) {"""
        + _FOLLOWED
        + """
      const here = document.createElement("span")
      const cell_of = (node) => {
        while (node && !node.classList?.contains("jp-OutputArea-child")) {
          node = node.parentNode ?? node.host
        }
        return node
      }
      const follow = (event) => {
        const cell = cell_of(here)
        if (cell && !event.composedPath().includes(cell)) return
        const href = followed(event)
        if (href) { model.url = ""; model.url = href }
      }
      document.addEventListener("click", follow, true)
      model.on("remove", () => document.removeEventListener("click", follow, true))
      return here
    }
    """
    )


class Router(pn.custom.JSComponent):
    """The query of the address, both ways.

    Where a link or Back leads comes as a message: a parameter's value would wait 50 ms in Panel.
    """

    shown = param.List(default=[], doc="A query for the address, whether Back returns, a number.")
    heading = param.String(default="", doc="The title of the browser's tab.")

    _esm = (
        SAY
        + """
    export function render({model, view}) {"""
        + _FOLLOWED
        + """
      const go = speaker(model, view)
      const follow = (event) => {
        const href = followed(event)
        if (!href) return
        if (href !== window.location.search) history.pushState({}, "", href)
        go(href)
      }
      const back = () => go(window.location.search || "?")
      document.addEventListener("click", follow, true)
      window.addEventListener("popstate", back)
      const show = () => {
        const [query, returns] = model.shown
        if (query === undefined || query === window.location.search) return
        const url = query || window.location.pathname
        returns ? history.pushState({}, "", url) : history.replaceState({}, "", url)
      }
      model.on("shown", show)
      show()
      model.on("heading", () => { document.title = model.heading })
      model.on("remove", () => {
        document.removeEventListener("click", follow, true)
        window.removeEventListener("popstate", back)
      })
      return document.createElement("span")
    }
    """
    )

    def __init__(self, moved: Callable[[dict[str, str]], None], **params: Any) -> None:
        """Be at no address yet.

        Args:
            moved: told the values of the query that a link or Back leads to.
            params: as of every component.
        """
        super().__init__(**params)
        self._moved = moved

    def _handle_msg(self, data: Any) -> None:
        if isinstance(data, str):
            self._moved(parsed(data))

    def push(self, query: str) -> None:
        """Show an address; Back returns to the one before."""
        self.shown = [query, True, self._number()]

    def replace(self, query: str) -> None:
        """Show an address in place of the one before."""
        self.shown = [query, False, self._number()]

    def _number(self) -> int:
        # The same address again is a change too: the browser may be elsewhere by now.
        return self.shown[2] + 1 if self.shown else 0


def query(**values: str) -> str:
    """Return the query of a page.

    Example:
        >>> query(page="run", run="3f2a")
        '?page=run&run=3f2a'
    """
    given = {key: value for key, value in values.items() if value}
    return f"?{urlencode(given)}" if given else ""


def parsed(url: str) -> dict[str, str]:
    """Return the values of a query, each cut to 6,000 characters; `cut` names those that were longer.

    Example:
        >>> parsed("?page=run&run=3f2a")
        {'page': 'run', 'run': '3f2a'}
    """
    return _bounded({key: values[0] for key, values in parse_qs(url.lstrip("?")).items()})


def is_too_long(values: Mapping[str, str]) -> bool:
    """Whether an address can't hold these values."""
    return any(len(text) > MAX_LENGTH for text in values.values())


def asked(arguments: dict[str, list[bytes]]) -> dict[str, Any]:
    """Return the values of a request's arguments, as `parsed` does."""
    return _bounded(
        {key: values[0].decode("utf-8", "replace") for key, values in arguments.items() if values}
    )


def _bounded(values: dict[str, str]) -> dict[str, str]:
    found = {key: text[:MAX_LENGTH] for key, text in values.items() if key != CUT}
    cut = [key for key, text in values.items() if len(text) > MAX_LENGTH]
    return {**found, CUT: ", ".join(cut)[:MAX_LENGTH]} if cut else found
