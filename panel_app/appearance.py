"""Remembers light or dark in the browser; at a first visit it is what the person's system says."""

from __future__ import annotations

from collections.abc import Mapping

import panel as pn
import param

COOKIE = "lakesight_theme"


def is_dark(cookies: Mapping[str, str]) -> bool:
    """Return whether the browser remembers dark, so that the first paint is right already."""
    return cookies.get(COOKIE) == "dark"


class Appearance(pn.custom.JSComponent):
    """Both ways: what the browser remembers, and what the toggle says."""

    dark = param.Boolean(default=False, doc="Whether the page is dark.")
    cookie = param.String(default=COOKIE, constant=True, doc="Name of the cookie.")

    _esm = """
    export function render({model}) {
      const remember = () => {
        const mode = model.dark ? "dark" : "light"
        document.cookie = `${model.cookie}=${mode}; path=/; max-age=31536000; SameSite=Lax`
      }
      model.on("dark", remember)
      const remembered = document.cookie.includes(`${model.cookie}=`)
      if (!remembered && window.matchMedia("(prefers-color-scheme: dark)").matches) {
        model.dark = true
        remember()
      }
      // The kit leaves two of its parts without what a screen reader needs.
      const mend = (node) => {
        for (const one of node.querySelectorAll("*")) {
          if (one.getAttribute("role") === "progressbar" && !one.ariaLabel) one.ariaLabel = "Working"
          if (one.title === "Drag to resize sidebar") one.setAttribute("role", "separator")
          if (one.shadowRoot) mend(one.shadowRoot)
        }
      }
      setTimeout(() => mend(document), 300)
      setTimeout(() => mend(document), 2000)
      return document.createElement("span")
    }
    """
