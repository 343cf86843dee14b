"""The launch button, with the reason where it can't be pressed."""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING, Any

import panel as pn

from cvcore.config.overrides import assign
from cvcore.errors import LakesightError
from cvcore.metrics.mlflow_run import DEFAULT_URI
from launch.ledger import absolute
from panel_app import deeds
from panel_app.context import Context
from panel_app.forms.editor import Editor
from panel_app.forms.spec import label_of
from panel_app.forms.view import Action, Notice
from panel_app.pages.base import panel
from panel_app.safe import safe
from panel_app.services import Services

if TYPE_CHECKING:
    from launch.submit import Submitted

_AGAIN_S = 2.0
"""A second press within this is the same press."""


class Launch:
    """Summary of the run, what keeps it from running, and the button."""

    def __init__(self, context: Context, editor: Editor) -> None:
        """Build it."""
        self.context, self.editor = context, editor
        self._is_busy, self._ended_at = False, float("-inf")
        self._task: asyncio.Task[None] | None = None
        self.summary = pn.pane.HTML("", sizing_mode="stretch_width", margin=(0, 0, 8, 0))
        self.button = Action(self._pressed, label="Launch", kind="main", disabled=True)
        self.words = Notice()
        self.view = panel(self.summary, self.button, self.words)

    def show(self) -> None:
        """Show what the editor holds."""
        faults = self.editor.faults()
        ready = self.editor.is_settled and bool(self.editor.composed.values) and not faults
        self.summary.object = summary(self.editor)
        self.button.disabled = self._is_busy or not ready
        if not self._is_busy:
            self.button.label = self._label()
        if faults:
            many = "One thing keeps" if len(faults) == 1 else f"{len(faults)} things keep"
            lines = "\n".join(faults.values())
            self.words.say(f"{many} it from running", lines, "error")
        else:
            self.words.say("")

    def close(self) -> None:
        """Let go of a launch that is under way: it goes on, nobody waits for it here."""
        if self._task is not None:
            self._task.cancel()

    def _pressed(self, _word: dict[str, Any]) -> None:
        if self._is_busy or time.monotonic() - self._ended_at < _AGAIN_S:
            return
        self._is_busy = True
        self._task = asyncio.get_running_loop().create_task(self._go())

    async def _go(self) -> None:
        self.button.param.update(disabled=True, label="Launching ...")
        try:
            done = await deeds.do(self._submit, self.editor.overrides())
        except LakesightError as error:
            self.words.say("Not launched", str(error), "error")
            return
        finally:
            self._is_busy, self._ended_at = False, time.monotonic()
            self.button.param.update(disabled=False, label=self._label())
        self.context.services.renew_rows()
        if len(done) == 1:
            self.context.go("run", run=done[0].handle.run_id)
            return
        self.context.tell(f"{len(done)} runs are submitted.", "success")
        # Runs of a sweep are called after it.
        self.context.go("history", q=done[0].title.rpartition("-")[0])

    def _submit(self, overrides: list[str]) -> list[Submitted]:
        from launch.submit import Submitter

        words = for_submit(overrides, self.editor, self.context.services)
        submitter = Submitter(composer=self.editor.composer, user=self.context.user)
        if self.editor.sweeps:
            return submitter.sweep(words)
        return [submitter.submit(words)]

    def _label(self) -> str:
        return "Launch the sweep" if self.editor.sweeps else "Launch"


def for_submit(overrides: list[str], editor: Editor, services: Services) -> list[str]:
    """Return overrides with the app's ledger, where the run would come to another one: they share it."""
    usual = absolute(os.environ.get("MLFLOW_TRACKING_URI") or DEFAULT_URI)
    if editor.values.get("tracking.uri") is not None or services.ledger.uri == usual:
        return overrides
    return [*overrides, assign("tracking.uri", services.ledger.uri)]


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
