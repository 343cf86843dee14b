"""What a session's form is made of in the browser: the form of a group, and the tabs above it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import panel as pn
import param

_HERE = Path(__file__).parent
STYLE = (_HERE / "fields.css").read_text(encoding="utf-8")
"""Of all components of the form; colours come from the page's theme."""


class Speaking(pn.custom.JSComponent):
    """A component whose JavaScript tells Python what a person did: it sets `word`.

    Not by `send_msg`: that sends the whole component with every message, and fails on some.
    """

    word = param.Dict(default={}, doc="What a person did last, with a count so that each is new.")

    __abstract = True

    def __init__(self, said: Callable[[dict[str, Any]], None], **params: Any) -> None:
        """Take whom to tell; `params` are the component's."""
        super().__init__(**{"sizing_mode": "stretch_width", "margin": 0, **params})
        self._told = said
        self.param.watch(self._heard, "word")

    def _heard(self, event: Any) -> None:
        if event.new:
            self._told(event.new)


class GroupForm(Speaking):
    """The options and fields of one group of the configuration.

    One model of the document for any number of fields: a form of widgets would cost each session
    some hundred. It says {"key", "text"}, {"reset"} or {"choose", "option"}.
    """

    spec = param.Dict(default={}, doc="group, title, help, options, fields: see `group_spec`.")
    state = param.Dict(default={}, doc="choice, and by key text, fault, changed, given.")

    _esm = _HERE / "fields.js"
    _stylesheets: ClassVar[list[str]] = [STYLE]


class Action(Speaking):
    """A button. A second press before the answer to the first is none."""

    label = param.String(default="", doc="What it does.")
    disabled = param.Boolean(default=False, doc="Whether it can't be pressed now.")
    kind = param.String(default="outlined", doc="main, outlined or text.")

    _stylesheets: ClassVar[list[str]] = [STYLE]
    _esm = """
    export function render({model}) {
      const button = document.createElement("button")
      button.type = "button"
      button.addEventListener("click", () => {
        if (!button.disabled) model.word = {pressed: true, at: (model.word.at || 0) + 1}
      })
      const show = () => {
        button.textContent = model.label
        button.disabled = model.disabled
        button.className = `push ${model.kind}`
      }
      model.on(["label", "disabled", "kind"], show)
      show()
      return button
    }
    """


class Nav(pn.custom.JSComponent):
    """Tabs with a count of faults and a mark where something was changed."""

    items = param.List(default=[], doc="{key, label, faults, changed} of each.")
    active = param.String(default="", doc="Key of the one that is shown.")
    label = param.String(default="", doc="Of the whole, for screen readers.")

    _stylesheets: ClassVar[list[str]] = [STYLE]
    _esm = """
    export function render({model}) {
      const root = document.createElement("div")
      root.className = "tabbar"
      root.setAttribute("role", "tablist")
      root.setAttribute("aria-label", model.label)
      const go = (key, focus) => { model.active = key; if (focus) show(true) }
      function show(focus) {
        root.replaceChildren(...model.items.map((item, at) => {
          const tab = document.createElement("button")
          const chosen = item.key === model.active
          tab.type = "button"
          tab.textContent = item.label
          tab.setAttribute("role", "tab")
          tab.setAttribute("aria-selected", String(chosen))
          tab.tabIndex = chosen ? 0 : -1
          if (item.faults) {
            const count = document.createElement("span")
            count.className = "count"
            count.textContent = item.faults
            count.setAttribute("aria-label", `${item.faults} to mend`)
            tab.append(count)
          } else if (item.changed) {
            const dot = document.createElement("span")
            dot.className = "dot"
            dot.title = "changed"
            tab.append(dot)
          }
          tab.addEventListener("click", () => go(item.key, true))
          tab.addEventListener("keydown", (event) => {
            const step = {ArrowRight: 1, ArrowLeft: -1}[event.key]
            if (!step) return
            event.preventDefault()
            const count = model.items.length
            go(model.items[(at + step + count) % count].key, true)
          })
          if (focus && chosen) queueMicrotask(() => tab.focus())
          return tab
        }))
      }
      model.on("items", () => show(root.getRootNode().activeElement?.parentNode === root))
      model.on("active", () => show(root.getRootNode().activeElement?.parentNode === root))
      show()
      return root
    }
    """
