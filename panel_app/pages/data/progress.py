"""How far a worker is: a bar, the phase in words, the time left, a button that ends it."""

from __future__ import annotations

from collections.abc import Callable

import panel as pn
import panel_material_ui as pmui

from panel_app.data.jobs import Progress
from panel_app.rows import duration
from panel_app.safe import safe


class Working:
    """Shows one job's progress."""

    def __init__(self, cancel: Callable[[], None]) -> None:
        """Build it, hidden.

        Args:
            cancel: ends the job.
        """
        self.title = pmui.Typography("", variant="subtitle1", sx={"fontWeight": 650})
        self.text = pmui.Typography("", variant="body2", sx={"opacity": 0.8})
        self.bar = pmui.LinearProgress(
            value=0, variant="indeterminate", sizing_mode="stretch_width", margin=(10, 10)
        )
        button = pmui.Button(label="Cancel", variant="outlined", on_click=lambda _: cancel())
        self.view = pmui.Paper(
            pn.Row(
                pn.Column(self.title, self.text, sizing_mode="stretch_width"),
                button,
                sizing_mode="stretch_width",
                align="center",
            ),
            self.bar,
            elevation=0,
            sizing_mode="stretch_width",
            margin=(10, 0),
            sx={"border": "1px solid", "borderColor": "divider", "padding": "10px"},
            visible=False,
        )

    def show(self, title: str, job: Progress) -> None:
        """Show how far it is."""
        self.view.visible = True
        self.title.object = safe(title)
        text = job.phase[:1].upper() + job.phase[1:]
        if job.total:
            text += f": {job.done:,} of {job.total:,}"
        left = job.left_s()
        if left is not None:
            text += f", about {duration(max(1, left))} left"
        self.text.object = safe(text)
        if job.total:
            self.bar.param.update(variant="determinate", value=round(100 * job.done / job.total))
        else:
            self.bar.variant = "indeterminate"

    def hide(self) -> None:
        """Show nothing."""
        self.view.visible = False
