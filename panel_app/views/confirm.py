"""A question before something that can't be undone by a click."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import param

from panel_app.forms.view import STYLE, Speaking


class Confirm(Speaking):
    """A dialog; `ask` opens it, and what is given there is called when a person says yes."""

    question = param.Dict(
        default={}, doc="title, text, yes, typed: what must be typed ('': nothing), at."
    )

    _stylesheets: ClassVar[list[str]] = [
        STYLE,
        """
        dialog { border: 0; border-radius: 14px; padding: 22px 24px; max-width: min(520px, 92vw);
                 color: var(--panel-on-surface-color); background: var(--panel-surface-color);
                 font-size: 14px; line-height: 1.5; box-shadow: 0 12px 40px rgb(0 0 0 / .35); }
        dialog::backdrop { background: rgb(0 0 0 / .5); }
        h2 { font-size: 18px; margin: 0 0 8px; overflow-wrap: anywhere; }
        p { margin: 0 0 14px; white-space: pre-line; overflow-wrap: anywhere; }
        .buttons { display: flex; gap: 10px; justify-content: flex-end; margin-top: 18px; }
        .push.main { width: auto; }
        .typed { display: block; margin-bottom: 6px; }
        """,
    ]

    _esm = """
    export function render({model}) {
      const root = document.createElement("dialog")
      root.setAttribute("role", "dialog")
      root.setAttribute("aria-labelledby", "title")
      const make = (tag, values, ...children) => {
        const made = Object.assign(document.createElement(tag), values)
        made.append(...children)
        return made
      }
      const title = make("h2", {id: "title"})
      const text = make("p", {})
      const input = make("input", {type: "text", id: "typed", autocomplete: "off", spellcheck: false})
      const label = make("label", {htmlFor: "typed", className: "typed"})
      const box = make("div", {}, label, input)
      const no = make("button", {type: "button", className: "push text", textContent: "Cancel"})
      const yes = make("button", {type: "button", className: "push main"})
      root.append(title, text, box, make("div", {className: "buttons"}, no, yes))
      const check = () => {
        const {typed} = model.question
        yes.disabled = !!typed && input.value.trim() !== typed
      }
      const go = () => {
        if (yes.disabled) return
        root.close()
        model.word = {yes: model.question.at, at: (model.word.at || 0) + 1}
      }
      input.addEventListener("input", check)
      input.addEventListener("keydown", (event) => { if (event.key === "Enter") go() })
      no.addEventListener("click", () => root.close())
      yes.addEventListener("click", go)
      model.on("question", () => {
        const {title: head, text: said, yes: word, typed} = model.question
        title.textContent = head
        text.textContent = said
        yes.textContent = word
        box.hidden = !typed
        label.textContent = typed ? `Type ${typed} to confirm` : ""
        input.value = ""
        check()
        if (!root.open) root.showModal()
      })
      return root
    }
    """

    def __init__(self, **params: Any) -> None:
        """Ask nothing yet."""
        super().__init__(self._said, **{"width": 0, "height": 0, "sizing_mode": None, **params})
        self._number = 0
        self._then: Callable[[], Any] | None = None

    def ask(
        self, title: str, text: str, yes: str, then: Callable[[], Any], typed: str = ""
    ) -> None:
        """Open the dialog.

        Args:
            title: the question; never markup, as the text.
            text: what will happen.
            yes: on the button that does it.
            then: is called when that is pressed.
            typed: must be typed before that; "": nothing.
        """
        self._number += 1
        self._then = then
        values = {"title": title, "text": text, "yes": yes, "typed": typed}
        self.question = {**values, "at": self._number}

    def _said(self, word: dict[str, Any]) -> None:
        then = self._then
        if word.get("yes") == self._number and then is not None:
            self._then = None
            then()
