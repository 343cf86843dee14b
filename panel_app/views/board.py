"""The figures of a run, or of several over each other: built as they are looked at."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import panel as pn
import panel_material_ui as pmui

from cvcore.metrics.stream import MetricReader
from panel_app.background.feed import Feed
from panel_app.tasks import Tasks
from panel_app.views.chart import PALETTE, Chart, Look, Series
from panel_app.views.naming import DEFAULT, GROUPS, Place, place
from panel_app.views.steady import Steady

PLAIN = {"& button": {"textTransform": "none", "whiteSpace": "nowrap"}}
"""Labels of a row of buttons as they are written."""

_MOST = 6
"""Figures of a group that are shown before somebody asks for more."""


@dataclass(frozen=True)
class Subject:
    """A run on the board.

    Attributes:
        feed: of the run.
        label: what it is called there; "" where it is the only one.
        colour: of its curves.
        metric: the one that counts for its task.
    """

    feed: Feed
    label: str = ""
    colour: str = PALETTE[0]
    metric: str = ""


class Board:
    """Figures by group, and the controls of how they are drawn.

    Attributes:
        view: what is shown.
        changed: called when a control changes what the address should keep.
    """

    def __init__(
        self, reader: Callable[[], MetricReader], changed: Callable[[], None] = lambda: None
    ) -> None:
        """Build it, empty.

        Args:
            reader: returns what reads exact points from the server.
            changed: called when a control was used.
        """
        self._reader, self.changed = reader, changed
        self._subjects: Sequence[Subject] = ()
        self._known: set[tuple[str, str]] = set()
        self._places: dict[tuple[str, str], list[tuple[Subject, str, Place]]] = {}
        self._charts: dict[tuple[str, str], Chart] = {}
        self._all: set[str] = set()
        self._tasks = Tasks()
        self.groups: Any = pmui.CheckButtonGroup(
            label="Metrics",
            options=list(DEFAULT),
            value=list(DEFAULT),
            size="small",
            sx=PLAIN,
        )
        self.log: Any = pmui.CheckButtonGroup(
            label="Axes", options={"Log y": "y", "Log steps": "x"}, value=[], size="small", sx=PLAIN
        )
        self.smoothing: Any = pmui.FloatSlider(
            label="Smoothing", start=0, end=0.99, step=0.01, value=0.0, width=190, size="small"
        )
        self.controls = pn.Row(
            self.groups,
            self.log,
            self.smoothing,
            sizing_mode="stretch_width",
            styles={"flex-wrap": "wrap", "align-items": "center", "gap": "4px 18px"},
        )
        self.words = pn.pane.HTML("", margin=(24, 10))
        self._box = pn.FlexBox(
            sizing_mode="stretch_width", gap="14px", margin=(8, 10), align_items="stretch"
        )
        self._more: dict[str, Any] = {}
        self._rest = pn.Row(styles={"flex-wrap": "wrap"})
        self.view = pn.Column(
            Steady(width=0, height=0, margin=0),
            self.controls,
            self.words,
            self._box,
            self._rest,
            sizing_mode="stretch_width",
        )
        self.groups.param.watch(self._groups_changed, "value")
        self.log.param.watch(self._rebuilt, "value")
        self.smoothing.param.watch(self._smoothed, "value_throttled")

    @property
    def state(self) -> dict[str, str]:
        """What the address keeps of the controls; {} as they are at first."""
        shown = [group.lower() for group in self.groups.value]
        default = [group.lower() for group in DEFAULT]
        return {
            "groups": "" if shown == default else ",".join(shown) or "none",
            "log": ",".join(sorted(self.log.value)),
            "smooth": f"{self.smoothing.value:g}" if self.smoothing.value else "",
        }

    def restore(self, values: Any) -> None:
        """Set the controls as an address says; what it can't mean is left as it is."""
        wanted = str(values.get("groups", "")).split(",")
        if any(wanted):
            self.groups.options = list(GROUPS)
            self.groups.value = [group for group in GROUPS if group.lower() in wanted]
        self.log.value = [axis for axis in ("y", "x") if axis in str(values.get("log", ""))]
        try:
            smoothing = min(max(float(values.get("smooth") or 0), 0.0), 0.99)
        except ValueError:
            smoothing = 0.0
        self.smoothing.value = smoothing

    def show(self, subjects: Sequence[Subject]) -> None:
        """Show these runs in place of those before."""
        self._subjects = subjects
        self._known.clear()
        self._places.clear()
        self._drop()
        self.update()

    def update(self) -> None:
        """Take up what is new; with the document's lock."""
        for subject in self._subjects:
            for key in list(subject.feed.curves):
                if (subject.feed.run_id, key) not in self._known:
                    self._known.add((subject.feed.run_id, key))
                    self._found(subject, key)
        present = {group for group, _ in self._places}
        options = [group for group in GROUPS if group in present or group in self.groups.value]
        if options and options != list(self.groups.options):
            self.groups.options = options
        self.controls.visible = bool(self._known)
        self._draw()

    def tell(self) -> None:
        """Write the newest values beside the curves; does nothing where they are there."""
        for chart in self._charts.values():
            if chart.is_behind:
                chart.tell()

    def close(self) -> None:
        """Drop what is under way."""
        self._tasks.close()

    def _found(self, subject: Subject, key: str) -> None:
        where = place(key, subject.metric)
        if where is None:
            return
        self._places.setdefault((where.group, where.title), []).append((subject, key, where))

    def _draw(self) -> None:
        shown = set(self.groups.value)
        fresh = []
        visible = set()
        for rank, group in enumerate(GROUPS):
            mine = [spot for spot in self._places if spot[0] == group] if group in shown else []
            mine.sort(key=lambda spot: min(where for _, _, where in self._places[spot]))
            left = 0 if group in self._all else max(len(mine) - _MOST, 0)
            for number, spot in enumerate(mine[: len(mine) - left]):
                chart = self._charts.get(spot)
                if chart is None:
                    chart = self._charts[spot] = self._chart(spot)
                    fresh.append(chart)
                visible.add(spot)
                chart.stand(1_000 * rank + number)
                self._series(chart, spot)
                chart.update()
            self._offer(group, left)
        for spot, chart in self._charts.items():
            if chart.view.visible != (spot in visible):
                chart.view.visible = spot in visible
        self._say("" if visible else self._why_empty())
        if fresh:
            # Behind those that are there: a figure that is added a second time upsets the browser.
            self._box.extend([chart.view for chart in fresh])

    def _why_empty(self) -> str:
        if not self._known:
            return "No metric was logged yet. Curves begin with the first one."
        present = [group for group in GROUPS if any(group == spot[0] for spot in self._places)]
        if not self.groups.value:
            return f"Choose what is drawn: {', '.join(present)}."
        asked = " and ".join(group.lower() for group in self.groups.value)
        return f"Nothing of {asked} was logged yet. There is: {', '.join(present) or 'nothing to draw'}."

    def _say(self, text: str) -> None:
        if self.words.object != text:
            self.words.object, self.words.visible = text, bool(text)

    def _chart(self, spot: tuple[str, str]) -> Chart:
        units = {where.unit for _, _, where in self._places[spot] if where.unit}
        unit = units.pop() if len(units) == 1 else ""
        return Chart(spot[1], unit, self._look(), self._zoomed)

    def _series(self, chart: Chart, spot: tuple[str, str]) -> None:
        several = len(self._subjects) > 1
        for subject, key, where in self._places[spot]:
            if (subject.feed.run_id, key) in chart.series:
                continue
            held_out = where.split == "val"
            label = where.split
            colour = PALETTE[1] if held_out else PALETTE[0]
            dash = "solid"
            if several:
                both = {w.split for _, _, w in self._places[spot]} == {"train", "val"}
                label = f"{subject.label} {where.split}" if both else subject.label
                colour, dash = subject.colour, "dashed" if held_out and both else "solid"
            chart.add(Series(subject.feed, key, label, colour, dash))

    def _look(self) -> Look:
        return Look("x" in self.log.value, "y" in self.log.value, float(self.smoothing.value))

    def _groups_changed(self, _: Any) -> None:
        self._draw()
        self.changed()

    def _rebuilt(self, _: Any) -> None:
        # A figure's scale can't be changed: it is drawn anew.
        self._drop()
        self._draw()
        self.changed()

    def _smoothed(self, _: Any) -> None:
        for chart in self._charts.values():
            chart.smoothen(float(self.smoothing.value))
        self.changed()

    def _zoomed(self, chart: Chart) -> None:
        if all(one.curve is None or one.curve.is_whole for one in chart.series.values()):
            return
        self._tasks.begin(self._exact(chart))

    async def _exact(self, chart: Chart) -> None:
        document = pn.state.curdoc
        window = chart.window
        found = await asyncio.to_thread(lambda: chart.exact(self._reader()))
        if found and chart.window == window and document is not None:
            document.add_next_tick_callback(lambda: chart.show_exact(found))

    def _drop(self) -> None:
        self._charts.clear()
        self._box.clear()

    def _offer(self, group: str, left: int) -> None:
        """Offer the rest of a group; a button is made when it is first needed, each tab pays for it."""
        more = self._more.get(group)
        if more is None:
            if not left:
                return
            more = self._more[group] = pmui.Button(variant="text", size="small", margin=(0, 10))

            def all_of_it(_: Any) -> None:
                self._all.add(group)
                self._draw()

            more.on_click(all_of_it)
            self._rest.append(more)
        more.visible = bool(left)
        if left:
            more.label = f"{left} more of {group.lower()}"
