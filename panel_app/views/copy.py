"""A command with a button that copies it."""

from __future__ import annotations

from typing import ClassVar

import panel as pn
import param


class Command(pn.custom.JSComponent):
    """A command line; the button copies it, also where the page has no clipboard of its own."""

    text = param.String(default="", doc="The command.")

    _esm = """
    export function render({model}) {
      const box = document.createElement("div")
      box.className = "command"
      const code = document.createElement("code")
      const button = document.createElement("button")
      button.type = "button"
      const said = document.createElement("span")
      said.setAttribute("role", "status")
      const show = () => {
        code.textContent = model.text
        box.hidden = !model.text
        button.textContent = "Copy command"
      }
      button.addEventListener("click", async () => {
        try { await navigator.clipboard.writeText(model.text) }
        catch {
          // Without https the browser has no clipboard; a selection can still be copied.
          const range = document.createRange()
          range.selectNodeContents(code)
          const chosen = window.getSelection()
          chosen.removeAllRanges()
          chosen.addRange(range)
          document.execCommand("copy")
        }
        said.textContent = "copied"
        setTimeout(() => { said.textContent = "" }, 2000)
      })
      box.append(code, button, said)
      model.on("text", show)
      show()
      return box
    }
    """

    _stylesheets: ClassVar[list[str]] = [
        """
        .command { display: flex; flex-wrap: wrap; gap: 8px 12px; align-items: center;
                   color: var(--panel-on-background-color); }
        .command[hidden] { display: none; }
        code { font: 12.5px/1.5 ui-monospace, Menlo, Consolas, monospace; padding: 6px 10px;
               border-radius: 8px;
               background: color-mix(in srgb, currentColor 7%, transparent); overflow-wrap: anywhere;
               white-space: pre-wrap; }
        button { font: inherit; font-size: 13px; font-weight: 600; padding: 5px 12px; border-radius: 8px;
                 cursor: pointer; color: var(--panel-primary-color); background: none;
                 border: 1px solid color-mix(in srgb, currentColor 45%, transparent); }
        button:hover { background: color-mix(in srgb, currentColor 8%, transparent); }
        button:focus-visible { outline: 2px solid var(--panel-primary-color); outline-offset: 1px; }
        span { font-size: 12.5px; }
        """
    ]
