"""Keeps the browser's address and the page together, without reloading.

A page's links are real links (`<a href="?page=run&run=...">`): a click on one is taken here, a middle
click opens a tab. Panel's own `Location` does not hear the Back button.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlencode

import panel as pn
import param

_MAX_LENGTH = 6_000
"""Of a value: a long recipe fits, and the whole request stays below the server's limit."""


class Router(pn.custom.JSComponent):
    """The query of the address, both ways."""

    url = param.String(default="", doc="The query, with its `?`; set by links and Back.")
    quiet = param.String(default="", doc="A query to show in the address in place of this one.")
    pushed = param.String(default="", doc="A query to go to from here; Back returns.")
    heading = param.String(default="", doc="The title of the browser's tab.")

    _esm = """
    export function render({model}) {
      const follow = (event) => {
        if (event.defaultPrevented || event.button || event.metaKey || event.ctrlKey
            || event.shiftKey || event.altKey) return
        const link = event.composedPath().find((node) => node.tagName === "A")
        const href = link?.getAttribute("href")
        if (!href?.startsWith("?") || link.target) return
        event.preventDefault()
        event.stopPropagation()
        if (href !== window.location.search) history.pushState({}, "", href)
        // The same link twice is a change too: the page may have moved by itself in between.
        if (model.url === href) model.url = ""
        model.url = href
      }
      const back = () => { model.url = window.location.search || "?" }
      document.addEventListener("click", follow, true)
      window.addEventListener("popstate", back)
      model.on("quiet", () => {
        history.replaceState({}, "", model.quiet || window.location.pathname)
      })
      model.on("pushed", () => {
        if (model.pushed !== window.location.search) history.pushState({}, "", model.pushed)
      })
      model.on("heading", () => { document.title = model.heading })
      model.on("remove", () => {
        document.removeEventListener("click", follow, true)
        window.removeEventListener("popstate", back)
      })
      return document.createElement("span")
    }
    """


def query(**values: str) -> str:
    """Return the query of a page.

    Example:
        >>> query(page="run", run="3f2a")
        '?page=run&run=3f2a'
    """
    given = {key: value for key, value in values.items() if value}
    return f"?{urlencode(given)}" if given else ""


def parsed(url: str) -> dict[str, str]:
    """Return the values of a query, each cut to 6,000 characters.

    Example:
        >>> parsed("?page=run&run=3f2a")
        {'page': 'run', 'run': '3f2a'}
    """
    return {key: values[0][:_MAX_LENGTH] for key, values in parse_qs(url.lstrip("?")).items()}


def asked(arguments: dict[str, list[bytes]]) -> dict[str, Any]:
    """Return the values of a request's arguments, as `parsed` does."""
    return {
        key: values[0].decode("utf-8", "replace")[:_MAX_LENGTH]
        for key, values in arguments.items()
        if values
    }
