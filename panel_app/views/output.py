"""What a run writes, as it comes."""

from __future__ import annotations

from typing import Any, ClassVar

import panel as pn
import param

from panel_app.background.logtail import LogTail


class Output(pn.custom.JSComponent):
    """The end of a run's output. Text travels once: what follows is sent, not the whole."""

    empty = param.String(default="Nothing was written yet.", doc="Shown before the first line.")
    start = param.List(default=["", 0], doc="What was written, and the place after it.")
    more = param.List(default=[0, ""], doc="A place, and what was written after it.")
    lost = param.Integer(default=0, doc="Grows when the browser lacks something in between.")

    _esm = """
    export function render({model, view}) {
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
      let end = 0
      const show = () => {
        const [written, place] = model.start
        text.textContent = written || model.empty
        end = place
        requestAnimationFrame(down)
      }
      const add = () => {
        const [place, written] = model.more
        if (!written || place < end) return
        if (place > end) {
          // Bokeh would send a model that has just come from the server whole: see say.js.
          view?.model?.document?._new_models?.delete?.(view.model)
          model.lost += 1
          return
        }
        if (!end) text.textContent = ""
        text.append(written)
        // Python counts characters, JavaScript pairs of bytes.
        end += [...written].length
        // One node for each piece would slow a long log down.
        if (text.childNodes.length > 200) text.normalize()
        requestAnimationFrame(down)
      }
      model.on("start", show)
      model.on("more", add)
      show()
      add()
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
        self.param.watch(lambda _: self.send(anew=True), "lost")

    def follow(self, tail: LogTail | None) -> None:
        """Show another run's output."""
        self._tail = tail
        self.send(anew=True)

    def send(self, anew: bool = False) -> None:
        """Send what is new."""
        if self._tail is None:
            return
        more, place, cut = self._tail.since(0 if anew else self._place)
        if anew or cut:
            self.start = [more, place]
        elif more:
            self.more = [self._place, more]
        self._place = place
