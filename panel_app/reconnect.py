"""Brings a page back by itself when its connection to the app was lost: the network, or a restart."""

from __future__ import annotations

import panel as pn

LOST = "The connection to the app is lost. The page comes back by itself as soon as it can."
"""What a note says meanwhile."""


class Reconnect(pn.custom.JSComponent):
    """Waits until the app answers, then loads the address again: it says what the page shows."""

    _esm = """
    export function render() {
      const here = document.createElement("span")
      const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
      let waiting = false
      const seen = () => new Promise((resolve) => {
        if (!document.hidden) return resolve()
        document.addEventListener("visibilitychange", () => resolve(), {once: true})
      })
      const answers = async () => {
        try {
          return (await fetch("health", {cache: "no-store", signal: AbortSignal.timeout(4000)})).ok
        } catch { return false }
      }
      const come_back = async () => {
        if (waiting) return
        waiting = true
        for (let wait = 500; !(await answers()); wait = Math.min(wait * 1.5, 5000)) await pause(wait)
        // A tab that nobody looks at waits, and the others don't come all at once.
        await seen()
        await pause(Math.random() * 1000)
        if (await answers()) window.location.reload()
        else { waiting = false; come_back() }
      }
      for (const one of window.Bokeh?.documents ?? []) one.on_event("connection_lost", come_back)
      return here
    }
    """
