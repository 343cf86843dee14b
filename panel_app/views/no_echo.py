"""In a notebook Panel's browser side sends each change back to the kernel it came from; this stops it.

A page that is filled came back as megabytes, figures among them that Bokeh can't read again: a traceback in
the cell. What comes from Python is marked `sync: false` by Bokeh; Panel's comm manager does not look (1.9.4).
"""

from __future__ import annotations

import panel as pn


class NoEcho(pn.custom.JSComponent):
    """Shows nothing; put it before what it is for."""

    _esm = """
    function quieten() {
      for (const one of [...(window.PyViz?.shared_views?.values() ?? [])].flat()) {
        const kind = Object.getPrototypeOf(one)
        if (!kind._document_changed || Object.hasOwn(kind, "lakesight_no_echo")) continue
        const send = kind._document_changed
        kind.lakesight_no_echo = true
        kind._document_changed = function (event) {
          if (event.sync !== false) send.call(this, event)
        }
      }
    }

    export function render() {
      quieten()
      return document.createElement("span")
    }
    """

    def __init__(self) -> None:
        """Take no room."""
        super().__init__(width=0, height=0, margin=0)
