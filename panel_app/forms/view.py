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
        self._at = 0
        self.param.watch(self._heard, "word")

    def _heard(self, event: Any) -> None:
        # Words that came faster than they were taken are in `last`, where a component gives it.
        for word in event.new.get("last") or ([event.new] if event.new else []):
            if word.get("at", 0) > self._at:
                self._at = word["at"]
                self._told(word)


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


class Choice(Speaking):
    """A labelled list to choose from; it says {"value"}."""

    label = param.String(default="", doc="Above it.")
    options = param.List(default=[], doc="Pairs of value and text.")
    value = param.String(default="", doc="The one chosen.")

    _stylesheets: ClassVar[list[str]] = [STYLE]
    _esm = """
    export function render({model}) {
      const root = document.createElement("div")
      root.className = "group"
      const label = document.createElement("label")
      const select = document.createElement("select")
      select.id = label.htmlFor = "choice"
      select.addEventListener("change", () => {
        model.word = {value: select.value, at: (model.word.at || 0) + 1}
      })
      const show = () => {
        label.textContent = model.label
        select.replaceChildren(...model.options.map(([value, text]) => new Option(text, value)))
        select.value = model.value
      }
      model.on(["label", "options", "value"], show)
      root.append(label, select)
      show()
      return root
    }
    """


class Notice(pn.custom.JSComponent):
    """Words that come and go: nothing is shown while `title` is empty. The text is never markup."""

    title = param.String(default="", doc="In bold.")
    text = param.String(default="", doc="One or more lines.")
    severity = param.String(default="info", doc="info, success, warning or error.")

    _stylesheets: ClassVar[list[str]] = [STYLE]
    _esm = """
    const MARKS = {info: "i", success: "\\u2713", warning: "!", error: "\\u2715"}
    export function render({model}) {
      const root = document.createElement("div")
      const mark = document.createElement("span")
      mark.setAttribute("aria-hidden", "true")
      const title = document.createElement("b")
      const text = document.createElement("p")
      const words = document.createElement("div")
      words.append(title, text)
      root.append(mark, words)
      const show = () => {
        root.hidden = !model.title
        root.className = `told ${model.severity}`
        root.setAttribute("role", model.severity === "error" ? "alert" : "status")
        mark.textContent = MARKS[model.severity]
        title.textContent = model.title
        text.textContent = model.text
      }
      model.on(["title", "text", "severity"], show)
      show()
      return root
    }
    """

    def __init__(self, **params: Any) -> None:
        """Say nothing yet."""
        super().__init__(**{"sizing_mode": "stretch_width", "margin": 0, **params})

    def say(self, title: str, text: str = "", severity: str = "info") -> None:
        """Show words; "" takes them away."""
        self.param.update(title=title, text=text, severity=severity)


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
