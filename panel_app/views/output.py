"""What a run writes, as it comes."""

from __future__ import annotations

from typing import Any, ClassVar

import panel as pn
import param

from panel_app.background.logtail import LogTail


class Output(pn.custom.JSComponent):
    """The end of a run's output. Text travels once: what follows is sent, not the whole."""

    empty = param.String(default="Nothing was written yet.", doc="Shown before the first line.")

    _esm = """
    export function render({model}) {
      const box = document.createElement("div")
      box.className = "output"
      const bar = document.createElement("label")
      bar.className = "bar"
      const follow = Object.assign(document.createElement("input"), {type: "checkbox", checked: true})
      bar.append(follow, " follow the end")
      const text = document.createElement("pre")
      text.tabIndex = 0
      text.setAttribute("role", "log")
      text.setAttribute("aria-label", "Output of the run")
      text.textContent = model.empty
      box.append(bar, text)
      let filled = false
      const down = () => { if (follow.checked) text.scrollTop = text.scrollHeight }
      follow.addEventListener("change", down)
      // Who scrolls up wants to read; back at the end it follows again.
      text.addEventListener("wheel", (event) => { if (event.deltaY < 0) follow.checked = false })
      text.addEventListener("scroll", () => {
        if (text.scrollTop + text.clientHeight >= text.scrollHeight - 4) follow.checked = true
      })
      let asked
      model.on("msg:custom", ({anew, more}) => {
        clearInterval(asked)
        if (anew || !filled) text.textContent = ""
        if (more) { filled = true; text.append(more) }
        else if (!filled) text.textContent = model.empty
        // One node for each message would slow a long log down.
        if (text.childNodes.length > 200) text.normalize()
        requestAnimationFrame(down)
      })
      // Not yet: the page does not have this model before it is drawn, and would refuse its message.
      asked = setInterval(() => model.send_msg("ready"), 250)
      model.on("remove", () => clearInterval(asked))
      return box
    }
    """

    _stylesheets: ClassVar[list[str]] = [
        """
        .output { width: 100%; color: var(--panel-on-background-color); }
        .bar { display: inline-flex; gap: 6px; align-items: center; font-size: 13px; margin: 2px 0 8px; }
        pre { margin: 0; padding: 14px 16px; height: 460px; overflow: auto; border-radius: 10px;
              background: #10181b; color: #dbe6e9; font: 12.5px/1.5 ui-monospace, Menlo, Consolas, monospace;
              white-space: pre-wrap; overflow-wrap: anywhere; }
        pre:focus-visible, input:focus-visible { outline: 2px solid var(--panel-primary-color); }
        """
    ]

    def __init__(self, **params: Any) -> None:
        """Show nothing yet."""
        super().__init__(**params)
        self._tail: LogTail | None = None
        self._place = 0

    def follow(self, tail: LogTail | None) -> None:
        """Show another run's output."""
        self._tail, self._place = tail, 0
        self.send(anew=True)

    def send(self, anew: bool = False) -> None:
        """Send what is new."""
        if self._tail is None:
            return
        more, place, cut = self._tail.since(0 if anew else self._place)
        if anew or more:
            self._place = place
            self._send_msg({"anew": anew or cut, "more": more})

    def _handle_msg(self, data: Any) -> None:
        # The browser has drawn it, maybe once more: it has nothing yet.
        if data == "ready":
            self.send(anew=True)
