"""A run's metrics as figures that grow: one per metric."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import panel as pn
import panel_material_ui as pmui
from bokeh.models import ColumnDataSource, HoverTool
from bokeh.plotting import figure

from cvcore.metrics.names import MEANINGS
from cvcore.metrics.record import MetricPoint
from panel_app.safe import safe

MAX_POINTS = 4_000
"""Of a curve in the browser; a longer one is thinned evenly, its newest point kept."""

_COLOURS = ("#1a8a91", "#d9822b", "#8a5bd1", "#c0362c", "#3f8f46")
_ORDER = ("train", "val", "best", "test", "images_per_s", "time", "mem", "system")


class Curves:
    """Figures of the points that are added to it."""

    def __init__(self) -> None:
        """Show nothing yet."""
        self.points: dict[str, tuple[list[int], list[float]]] = {}
        self._sources: dict[str, ColumnDataSource] = {}
        self._cards: dict[str, Any] = {}
        self.view = pmui.FlexBox(sizing_mode="stretch_width", gap="14px", margin=(8, 0))

    def add(self, points: Sequence[MetricPoint]) -> None:
        """Show further points; those that are not finite leave no mark."""
        changed = set()
        for point in points:
            if not math.isfinite(point.value):
                continue
            steps, values = self.points.setdefault(point.key, ([], []))
            steps.append(point.step)
            values.append(point.value)
            changed.add(point.key)
        new = False
        for key in changed:
            data = thinned(*self.points[key])
            if key in self._sources:
                self._sources[key].data = data
            elif len(self.points[key][0]) > 1:
                self._sources[key] = ColumnDataSource(data)
                self._cards[key] = self._card(key)
                new = True
        if new:
            self.view.objects = [self._cards[key] for key in sorted(self._cards, key=_rank)]

    def _card(self, key: str) -> Any:
        unit = MEANINGS.get(key, "")
        plot = figure(
            height=240,
            toolbar_location="above",
            sizing_mode="stretch_width",
            tools="pan,xwheel_zoom,box_zoom,reset,save",
        )
        plot.toolbar.logo = None
        plot.xaxis.axis_label = "step"
        colour = _COLOURS[1] if key.startswith("val/") else _COLOURS[0]
        plot.line("step", "value", source=self._sources[key], line_width=2, color=colour)
        plot.scatter("step", "value", source=self._sources[key], size=4, color=colour)
        plot.add_tools(
            HoverTool(tooltips=[("step", "@step"), ("value", "@value{0.0000a}")], mode="vline")
        )
        return pmui.Paper(
            pmui.Typography(
                safe(key), variant="subtitle2", sx={"fontWeight": 650}, margin=(8, 12, 0, 12)
            ),
            pmui.Typography(unit or " ", variant="caption", sx={"opacity": 0.75}, margin=(0, 12)),
            pn.pane.Bokeh(plot, sizing_mode="stretch_width"),
            elevation=0,
            width=430,
            sx={"border": "1px solid", "borderColor": "divider"},
        )


def thinned(steps: Sequence[int], values: Sequence[float]) -> dict[str, list[Any]]:
    """Return at most about `MAX_POINTS` points of a curve.

    Example:
        >>> thinned([1, 2], [0.5, 0.4])
        {'step': [1, 2], 'value': [0.5, 0.4]}
    """
    stride = -(-len(steps) // MAX_POINTS)
    kept = range(len(steps) - 1, -1, -stride) if stride > 1 else range(len(steps) - 1, -1, -1)
    chosen = sorted(kept)
    return {"step": [steps[i] for i in chosen], "value": [values[i] for i in chosen]}


def _rank(key: str) -> tuple[int, bool, str]:
    group = key.partition("/")[0]
    return (_ORDER.index(group) if group in _ORDER else len(_ORDER), "loss" not in key, key)
