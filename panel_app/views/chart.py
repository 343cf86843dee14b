"""One figure: the curves of a metric, of one run or several, as they grow."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import panel as pn
from bokeh.events import RangesUpdate, Reset
from bokeh.models import ColumnDataSource, HoverTool, Line, Scatter
from bokeh.plotting import figure

from cvcore.metrics.stream import MOST, MetricReader, Points
from panel_app.background.curve import Curve
from panel_app.background.feed import Feed
from panel_app.background.screen import START, Change
from panel_app.background.screen import Place as Taken
from panel_app.safe import safe

PALETTE = (
    "#168a96",
    "#d9772b",
    "#8b62d9",
    "#d1495b",
    "#4a9a52",
    "#a9850f",
    "#3f7fd6",
    "#c0569b",
)
"""Colours of curves; each is told from white and from the dark background."""

TEXTS_S = 1.0
"""Between two changes of the words beside a curve."""

_NEUTRAL = "#737c80"
"""Of axes until the kit has coloured them for day or night."""

_MARKED = 40
"""A curve of so few points shows them."""


@dataclass(frozen=True)
class Look:
    """How curves are drawn.

    Attributes:
        log_x: whether steps are on a logarithmic axis.
        log_y: whether values are.
        smoothing: weight of what was before, 0 to below 1.
    """

    log_x: bool = False
    log_y: bool = False
    smoothing: float = 0.0


@dataclass
class Series:
    """One curve in a figure.

    Attributes:
        feed: of its run.
        key: of its metric.
        label: in the figure's heading.
        colour: of the line.
        dash: "solid" or "dashed".
        line: as it was logged.
        marks: its points, shown while they are few.
        smooth: the smoothed line, made when somebody smooths first: a tab pays for what it doesn't show.
    """

    feed: Feed
    key: str
    label: str
    colour: str
    dash: str
    raw: ColumnDataSource = field(default_factory=lambda: ColumnDataSource(_empty()))
    taken: Taken = START
    taken_smooth: Taken = START
    seen: int = -1
    line: Any = None
    marks: Any = None
    smooth: Any = None

    @property
    def curve(self) -> Curve | None:
        """Its points, None before they are read."""
        return self.feed.curves.get(self.key)


class Chart:
    """A figure with a heading that has the newest values."""

    def __init__(self, title: str, unit: str, look: Look, zoomed: Callable[[Chart], None]) -> None:
        """Draw it, still without curves.

        Args:
            title: of the figure.
            unit: what the values are, in words.
            look: how they are drawn.
            zoomed: told when a person has chosen a range of steps.
        """
        self.title, self.unit, self.look = title, unit, look
        self.series: dict[tuple[str, str], Series] = {}
        self.window: tuple[float, float] | None = None
        self._told_at = float("-inf")
        self._is_behind = False
        self._zoomed = zoomed
        plot: Any = figure(
            height=230,
            sizing_mode="stretch_width",
            tools="xpan,xbox_zoom,xwheel_zoom,reset,save",
            active_drag="xbox_zoom",
            active_scroll=None,
            x_axis_type="log" if look.log_x else "linear",
            y_axis_type="log" if look.log_y else "linear",
            output_backend="canvas",
            title=None,
        )
        self.plot = plot
        plot.toolbar.logo = None
        plot.toolbar.autohide = True
        plot.background_fill_color = plot.border_fill_color = plot.outline_line_color = None
        for axis in (*plot.xaxis, *plot.yaxis):
            axis.major_label_text_color = axis.axis_line_color = axis.major_tick_line_color = (
                _NEUTRAL
            )
            axis.minor_tick_line_color = None
        for grid in (*plot.xgrid, *plot.ygrid):
            grid.grid_line_color, grid.grid_line_alpha = _NEUTRAL, 0.22
        plot.min_border_left = 52
        self._hover: Any = HoverTool(
            tooltips=[("step", "@step{0,0}"), ("value", "@value{0.00000a}")],
            mode="vline",
            renderers=[],
        )
        plot.add_tools(self._hover)
        plot.on_event(RangesUpdate, self._ranges)
        plot.on_event(Reset, self._reset)
        self.head = pn.pane.HTML(
            self._heading(), sizing_mode="stretch_width", margin=(8, 12, 0, 12)
        )
        self.view = pn.Column(
            self.head,
            pn.pane.Bokeh(plot, sizing_mode="stretch_width", height=230, margin=(0, 6)),
            styles={
                "border": "1px solid color-mix(in srgb, currentColor 16%, transparent)",
                "border-radius": "10px",
                "background": "var(--panel-surface-color)",
                "order": "0",
                "padding-bottom": "12px",
                "flex": "1 1 400px",
                "min-width": "320px",
                "max-width": "760px",
            },
            margin=0,
        )

    def add(self, series: Series) -> None:
        """Draw one more curve."""
        self.series[series.feed.run_id, series.key] = series
        faint = self.look.smoothing > 0
        series.line = self._draw(series, series.raw, 1 if faint else 2, 0.3 if faint else 1)
        # With the line's view: of the same points.
        marks = Scatter(
            x="step", y="value", size=5, fill_color=series.colour, line_color=series.colour,
            fill_alpha=0.9, line_alpha=0.9,
        )  # fmt: skip
        series.marks = self.plot.add_glyph(series.raw, marks, view=series.line.view)
        if faint:
            self._smooth(series)
        # The tool-tip is of the curve that is looked at.
        self._hover.renderers = [*self._hover.renderers, series.smooth if faint else series.line]

    def _draw(self, series: Series, source: ColumnDataSource, width: float, alpha: float) -> Any:
        """Return a new line. Not by `figure.line`, which makes two more for looks that aren't used."""
        line = Line(
            x="step", y="value", line_color=series.colour, line_dash=series.dash,
            line_width=width, line_alpha=alpha,
        )  # fmt: skip
        return self.plot.add_glyph(source, line)

    def _smooth(self, series: Series) -> None:
        if series.smooth is None:
            series.smooth = self._draw(series, ColumnDataSource(_empty()), 2, 1)

    def stand(self, order: int) -> None:
        """Take a place among the figures; lower ones are first."""
        if self.view.styles["order"] != str(order):
            self.view.styles = {**self.view.styles, "order": str(order)}

    def smoothen(self, smoothing: float) -> None:
        """Smooth more or less; 0 shows the curves as they are."""
        self.look = Look(self.look.log_x, self.look.log_y, smoothing)
        faint = smoothing > 0
        for one in self.series.values():
            glyph = one.line.glyph
            glyph.line_alpha, glyph.line_width = (0.3, 1) if faint else (1, 2)
            if faint:
                self._smooth(one)
            if one.smooth is not None:
                one.smooth.visible = faint
            one.taken_smooth, one.seen = START, -1
        self._hover.renderers = [one.smooth if faint else one.line for one in self.series.values()]
        self.update()

    def update(self) -> None:
        """Take up what the curves got; does nothing where they got nothing."""
        for one in self.series.values():
            curve = one.curve
            if curve is None or curve.version == one.seen:
                continue
            one.seen = curve.version
            self._is_behind = True
            if self.window is not None:
                self._show_window(one, curve)
                continue
            _apply(one.raw, change := curve.pull(one.taken))
            one.taken = change.place if change else one.taken
            if self.look.smoothing > 0:
                _apply(
                    one.smooth.data_source,
                    change := curve.pull(one.taken_smooth, self.look.smoothing),
                )
                one.taken_smooth = change.place if change else one.taken_smooth
            marked = len(curve) <= _MARKED
            if one.marks.visible != marked:
                one.marks.visible = marked
        # Read faster than it changes: a text a second is enough, the curve has every point.
        if self.is_behind:
            self.tell()

    @property
    def is_behind(self) -> bool:
        """Whether the heading lacks what the curves have, and may have it."""
        return self._is_behind and time.monotonic() - self._told_at >= TEXTS_S

    def tell(self) -> None:
        """Write the newest values into the heading."""
        self._told_at, self._is_behind = time.monotonic(), False
        heading = self._heading()
        if heading != self.head.object:
            self.head.object = heading

    def exact(self, reader: MetricReader) -> list[tuple[Series, Points]]:
        """Return the points of the chosen range that only the server has. Blocking."""
        found = []
        if self.window is None:
            return []
        first, last = int(self.window[0]), int(self.window[1]) + 1
        for one in self.series.values():
            if one.curve is not None and not one.curve.is_whole:
                points = reader.interval(one.feed.run_id, one.key, first, last)
                if points is not None and 0 < len(points) < MOST:
                    found.append((one, points))
        return found

    def show_exact(self, found: list[tuple[Series, Points]]) -> None:
        """Show what `exact` found."""
        for one, points in found:
            keep = np.isfinite(points.values)
            one.raw.data = {"step": points.steps[keep], "value": points.values[keep]}

    def _show_window(self, one: Series, curve: Curve) -> None:
        assert self.window is not None
        steps, values, _ = curve.window(*self.window)
        one.raw.data = {"step": steps, "value": values}
        one.taken = one.taken_smooth = START
        if self.look.smoothing > 0:
            steps, values, _ = curve.window(*self.window, smoothing=self.look.smoothing)
            one.smooth.data_source.data = {"step": steps, "value": values}
        marked = len(steps) <= _MARKED
        if one.marks.visible != marked:
            one.marks.visible = marked

    def _ranges(self, event: Any) -> None:
        if event.x0 is None or event.x1 is None:
            return
        curves = [one.curve for one in self.series.values() if one.curve and len(one.curve)]
        if not curves:
            return
        first = min(int(curve.steps[0]) for curve in curves)
        last = max(curve.last_step or 0 for curve in curves)
        low, high = sorted((float(event.x0), float(event.x1)))
        if low <= first and high >= last:
            self._reset(event)
            return
        self.window = (low, high)
        for one in self.series.values():
            one.seen = -1
        self.update()
        self._zoomed(self)

    def _reset(self, _: Any) -> None:
        if self.window is not None:
            self.window = None
            for one in self.series.values():
                one.seen = -1
            self.update()

    def _heading(self) -> str:
        told = []
        partial = ""
        for one in self.series.values():
            curve = one.curve
            if curve is None or not len(curve):
                continue
            value = f"{curve.values[-1]:.4g}"
            dash = "dashed" if one.dash == "dashed" else "solid"
            told.append(
                f'<span style="white-space:nowrap"><span style="display:inline-block;width:16px;'
                f'border-top:3px {dash} {one.colour};vertical-align:middle;margin-right:5px"></span>'
                f"{safe(one.label)} <b>{value}</b></span>"
            )
            if not curve.is_whole:
                partial = "a sample; zoom in for every point"
            elif len(curve) > 3_000 and self.window is None:
                partial = f"{len(curve):,} points, extremes kept; zoom in for every point"
        series = " &nbsp; ".join(told)
        note = " &middot; ".join(text for text in (safe(self.unit), partial) if text)
        return (
            f'<div style="display:flex;flex-wrap:wrap;gap:2px 14px;align-items:baseline">'
            f'<b style="font-size:14px">{safe(self.title)}</b>'
            f'<span style="font-size:12.5px">{series}</span></div>'
            f'<div style="opacity:.72;font-size:12px;min-height:16px">{note}</div>'
        )


def _apply(source: ColumnDataSource, change: Change | None) -> None:
    if change is None:
        return
    new: dict[str, Any] = {"step": change.steps, "value": change.values}
    if change.anew:
        source.data = new
    else:
        source.stream(new)


def _empty() -> dict[str, Any]:
    return {"step": np.empty(0, np.int64), "value": np.empty(0)}
