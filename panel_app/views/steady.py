"""Keeps a figure that is not drawn yet from upsetting the page's layout."""

from __future__ import annotations

import panel as pn


class Steady(pn.custom.JSComponent):
    """Has figures measured only once they have a layout.

    A page that is resized while one is being built would stop half-way otherwise:
    https://github.com/panel-extensions/panel-material-ui/issues/548 (open in 0.16.6).
    """

    _esm = """
    export function render() {
      let kind = window.Bokeh?.Models.get("Figure").prototype.default_view.prototype
      while (kind && !Object.hasOwn(kind, "_measure_layout")) kind = Object.getPrototypeOf(kind)
      if (kind && !kind.lakesight_is_steady) {
        const measure = kind._measure_layout
        kind._measure_layout = function () { if (this.layout != null) measure.call(this) }
        kind.lakesight_is_steady = true
      }
      return document.createElement("span")
    }
    """
