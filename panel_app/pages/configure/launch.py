"""The launch button, with the reason where it can't be pressed."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import panel as pn
import panel_material_ui as pmui

from cvcore.config.overrides import assign
from cvcore.errors import LakesightError
from panel_app.context import Context
from panel_app.forms.editor import Editor
from panel_app.forms.spec import label_of
from panel_app.pages.base import notice
from panel_app.safe import safe

_AGAIN_S = 2.0
"""A second press within this is the same press."""


class Launch:
    """Summary of the run, what keeps it from running, and the button."""

    def __init__(self, context: Context, editor: Editor) -> None:
        """Build it."""
        self.context, self.editor = context, editor
        self._is_busy, self._ended_at = False, float("-inf")
        self.summary = pn.pane.HTML("", sizing_mode="stretch_width", margin=(0, 0, 8, 0))
        self.button = pmui.Button(
            label="Launch", icon="rocket_launch", variant="contained", color="primary",
            disabled=True, sizing_mode="stretch_width", margin=0, size="large",
        )  # fmt: skip
        self.button.on_click(self._pressed)
        self.words = pmui.Column(sizing_mode="stretch_width")
        self.view = pmui.Paper(
            pmui.Column(
                self.summary, self.button, self.words, sizing_mode="stretch_width", margin=(14, 16)
            ),
            elevation=0,
            sizing_mode="stretch_width",
            sx={"border": "1px solid", "borderColor": "divider"},
        )

    def show(self) -> None:
        """Show what the editor holds."""
        faults = self.editor.faults()
        ready = self.editor.is_settled and bool(self.editor.composed.values) and not faults
        self.summary.object = summary(self.editor)
        self.button.disabled = self._is_busy or not ready
        if faults:
            many = "One thing keeps" if len(faults) == 1 else f"{len(faults)} things keep"
            lines = "\n".join(faults.values())
            self.words.objects = [notice(f"{many} it from running", lines, "error")]
        else:
            self.words.objects = []

    async def _pressed(self, _event: Any) -> None:
        if self._is_busy or time.monotonic() - self._ended_at < _AGAIN_S:
            return
        self._is_busy = True
        self.button.param.update(disabled=True, label="Launching ...")
        try:
            run_id = await asyncio.to_thread(self._submit, self.editor.overrides())
        except LakesightError as error:
            self.words.objects = [notice("Not launched", str(error), "error")]
            return
        finally:
            self._is_busy, self._ended_at = False, time.monotonic()
            self.button.param.update(disabled=False, label="Launch")
        self.context.go("run", run=run_id)

    def _submit(self, overrides: list[str]) -> str:
        from launch.submit import Submitter

        if self.editor.values.get("tracking.uri") is None:
            # The run and this app share one ledger.
            uri = (
                getattr(self.context.services, "submit_uri", "") or self.context.services.ledger.uri
            )
            overrides = [*overrides, assign("tracking.uri", uri)]
        submitter = Submitter(composer=self.editor.composer, user=self.context.user)
        return submitter.submit(overrides).handle.run_id


def summary(editor: Editor) -> str:
    """Return the HTML of a run in a few lines."""
    values = editor.values
    if not values:
        return "<p>Composing ...</p>"
    model = editor.recipe.choices.get("model") or editor.choices.get("model", "")
    size = " x ".join(map(str, values.get("model.image_size") or []))
    steps = values.get("trainer.max_steps", -1)
    length = (
        f"{steps:,} steps"
        if steps and steps > 0
        else f"{values['trainer.num_train_epochs']:g} epochs"
    )
    facts = {
        "Task": label_of(str(values.get("task.kind"))),
        "Model": f"{model.rpartition('/')[2].replace('_default', 'default of the task')}, {size} px",
        "Licence": str(values.get("model.licence")),
        "Data": f"{values.get('data.reader')} {values.get('data.root') or ''}",
        "Length": f"{length}, batch {values.get('trainer.per_device_train_batch_size')} per device",
        "Where": label_of(editor.choices.get("compute", "local")),
    }
    rows = "".join(
        f'<dt style="opacity:.72">{key}</dt><dd style="margin:0;overflow-wrap:anywhere;font-weight:550">'
        f"{safe(text)}</dd>"
        for key, text in facts.items()
    )
    return (
        '<dl style="display:grid;grid-template-columns:72px 1fr;gap:5px 12px;margin:0;font-size:13.5px">'
        f"{rows}</dl>"
    )
