"""Starting an evaluation: split, data, the exact command; how those under way go on, and cancel."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import panel as pn
import panel_material_ui as pmui

from cvcore.config.overrides import assign, parse, select
from cvcore.data.records import SPLITS
from cvcore.errors import LakesightError
from cvcore.evaluate.configuration import has_own_data
from cvcore.evaluate.job import PROGRESS_TAG, JobProgress
from launch.base import RunState
from launch.cancel import cancel as cancel_run
from launch.evaluation.subject import has_model, subject_of
from launch.evaluation.submit import command, submit
from launch.ledger_run import LedgerRun
from launch.tags import FOLDER
from launch.watch import Watch
from panel_app import deeds
from panel_app.batch.batches import HERE, PLACES
from panel_app.context import Context
from panel_app.data.choice import readers_of, require_allowed
from panel_app.pages.base import chip, notice
from panel_app.router import query
from panel_app.rows import overrides_by_key
from panel_app.safe import safe
from panel_app.views.copy import Command

_OWN = "the run's own data"
_PLACES = {title: option for option, title in PLACES.items()} | {
    "Databricks, serverless GPUs": "databricks_serverless"
}
"""Where it runs -> option of the group `compute`."""


class Start:
    """The form, and the evaluations that wait, run or failed lately."""

    def __init__(self, context: Context, started: Callable[[], None]) -> None:
        """Build it, empty.

        Args:
            context: of the session.
            started: called when an evaluation was handed over.
        """
        self.context, self._started = context, started
        self._run: LedgerRun | None = None
        self._task = ""
        self._shown: list[Any] = []
        self.model: Any = pmui.TextInput(
            label="Model", placeholder="a run's folder, id or title", width=330, size="small"
        )
        self.split: Any = pmui.Select(
            label="Split", options=list(SPLITS), value="val", width=110, size="small"
        )
        self.data: Any = pmui.Select(label="Data", options=[_OWN], width=210, size="small")
        self.root: Any = pmui.TextInput(
            label="Folder of the data", width=300, size="small", visible=False
        )
        self.more: Any = pmui.TextInput(
            label="Further overrides",
            placeholder="data.val=val.json seed=1",
            width=300,
            size="small",
        )
        self.place: Any = pmui.Select(
            label="Where it runs", options=_PLACES, value=HERE, width=290, size="small"
        )
        self.go: Any = pmui.Button(label="Evaluate", icon="play_arrow", variant="contained")
        self.command = Command(margin=(4, 10), sizing_mode="stretch_width")
        self.words = pn.Column(sizing_mode="stretch_width")
        self.active = pn.Column(sizing_mode="stretch_width")
        for widget in (
            self.model,
            self.split,
            self.data,
            self.root,
            self.place,
            self.more,
        ):
            name = "value_input" if isinstance(widget, pmui.TextInput) else "value"
            widget.param.watch(self._changed, name)
        self.go.on_click(self._go)
        self.form = pn.Column(
            pn.FlexBox(
                self.model,
                self.split,
                self.data,
                self.root,
                self.place,
                self.more,
                pn.Column(self.go, margin=(4, 0)),
                align_items="center",
                sizing_mode="stretch_width",
            ),
            self.command,
            self.words,
            sizing_mode="stretch_width",
            margin=(0, 0, 8, 0),
        )
        self.view = pn.Column(self.form, self.active, sizing_mode="stretch_width")

    def show(self, run: LedgerRun | None, task: str) -> None:
        """Offer to evaluate a run's model.

        Args:
            run: of the ledger; None: no run is chosen.
            task: of its model.
        """
        is_other = run is not None and (self._run is None or run.run_id != self._run.run_id)
        self._run = run
        if task != self._task:
            self._task = task
            readers = readers_of(task) if task else ()
            self.data.options = [_OWN, *readers]
        if run is not None:
            is_here = has_model(run)
            word = str(run.folder) if is_here else run.run_id
            self.model.param.update(value=word, value_input=word)
            if is_other:
                self.place.value = HERE if is_here else _option_of(run)
        self._changed(None)

    def _words(self) -> tuple[str, str, list[str]]:
        """Return model, split and overrides as the form says them.

        Raises:
            OverrideError: what was typed is no override.
        """
        overrides = []
        if self.data.value != _OWN:
            overrides.append(f"data={self.data.value}")
            if root := (self.root.value_input or "").strip():
                overrides.append(assign("data.root", root))
        if self.place.value != HERE:
            overrides.append(select("compute", str(self.place.value)))
        typed = self.more.value_input or ""
        try:
            overrides += shlex.split(typed)
        except ValueError:
            overrides.append(typed)
        for one in overrides:
            parse(one)
        return (self.model.value_input or "").strip(), str(self.split.value), overrides

    def _changed(self, _event: Any) -> None:
        self.root.visible = self.data.value != _OWN
        try:
            model, split, overrides = self._words()
        except LakesightError as error:
            self.command.text = ""
            self.go.disabled = True
            self.words.objects = [notice("This can't be evaluated", str(error), "warning")]
            return
        if self.words.objects:
            self.words.objects = []
        self.command.text = command(model, split, overrides) if model else ""
        self.go.disabled = not model

    async def _go(self, _event: Any) -> None:
        self.go.disabled = True
        try:
            model, split, overrides = self._words()
            one = await deeds.do(self._submit, model, split, overrides)
        except LakesightError as error:
            self.words.objects = [notice("The evaluation was not started", str(error), "error")]
        else:
            self.words.objects = []
            self.context.tell(f"{one.title}: it waits for its turn.", "success")
            self.context.services.renew_rows()
            self._started()
        finally:
            self.go.disabled = False

    def _submit(self, model: str, split: str, overrides: Sequence[str]) -> Any:
        services = self.context.services
        of_model = [o for o in overrides if parse(o).key.partition(".")[0] != "compute"]
        is_here = self.place.value == HERE
        if Path(model).exists():
            services.roots.resolve(model)
        found = subject_of(model, of_model, services.ledger, remote=not is_here)
        if found.folder is not None:
            services.roots.resolve(str(found.folder))
        # The run's own data were read before; others only from where this app may read.
        if is_here and not has_own_data(overrides):
            require_allowed(found.config.data, services.roots)
        return submit(
            model, split, overrides, ledger_uri=services.ledger.uri, user=self.context.user
        )

    async def follow(self, runs: Sequence[LedgerRun]) -> bool:
        """Show how evaluations go on; True while one is under way.

        Args:
            runs: those of this model, newest first.
        """
        told = await asyncio.to_thread(self._look, runs)
        if [one[:3] for one in told] != [one[:3] for one in self._shown]:
            self.active.objects = [self._card(*one) for one in told]
        else:
            for card, one in zip(self.active.objects, told, strict=True):
                text = _text(*one)
                if card[0].object != text:
                    card[0].object = text
        self._shown = told
        return any(
            state in (RunState.QUEUED, RunState.RUNNING, RunState.PENDING)
            for _, _, state, *_ in told
        )

    def _look(self, runs: Sequence[LedgerRun]) -> list[Any]:
        told = Watch(self.context.services.ledger).look(runs[:8])
        found = []
        for run in runs[:8]:
            status = told.get(run.run_id, run.status)
            if status.state is RunState.SUCCEEDED:
                continue
            if status.state.is_final and run.run_id != runs[0].run_id:
                continue  # an old failure is in History
            # The folder of a run elsewhere can't be read; its tag is some seconds old.
            progress = JobProgress.read(Path(run.tags.get(FOLDER, "")))
            progress = progress or JobProgress.parse(run.tags.get(PROGRESS_TAG, ""))
            found.append((run.run_id, run.title, status.state, status.reason, progress, run))
        return found

    def _card(self, run_id: str, title: str, state: RunState, *more: Any) -> Any:
        cancel: Any = pmui.Button(
            label="Cancel", icon="stop", variant="outlined", color="error", size="small"
        )
        cancel.disabled = state.is_final
        run = more[-1]

        async def stop(_: Any) -> None:
            cancel.disabled = True
            try:
                await deeds.do(cancel_run, run, self.context.user)
            except LakesightError as error:
                self.context.tell(str(error), "error")
            else:
                self.context.tell("The evaluation was asked to stop.", "success")

        cancel.on_click(stop)
        text = pn.pane.HTML(
            _text(run_id, title, state, *more), sizing_mode="stretch_width", margin=(4, 10)
        )
        parts = [text] if state.is_final else [text, cancel]
        return pn.Row(*parts, sizing_mode="stretch_width")


def _option_of(run: LedgerRun) -> str:
    """Return where a run was trained, where its model may be evaluated too."""
    option = overrides_by_key(run).get("compute", HERE)
    return option if option in _PLACES.values() else HERE


def _text(
    run_id: str, title: str, state: RunState, reason: str, progress: Any, run: LedgerRun
) -> str:
    said, bar = reason, ""
    if state is RunState.RUNNING and run.handle.launcher != HERE and progress is None:
        said = "runs on Databricks; its page has the log"
    elif state is RunState.RUNNING:
        said = "loads the model" if progress is None or not progress.done else progress.line()
        share = 0.0 if progress is None else 100 * progress.done / max(progress.total, 1)
        bar = (
            f'<div role="progressbar" aria-label="Progress" aria-valuenow="{share:.0f}" aria-valuemin="0" '
            'aria-valuemax="100" style="height:6px;border-radius:3px;background:color-mix(in srgb,'
            'currentColor 14%,transparent)"><div style="height:6px;border-radius:3px;width:'
            f'{share:.1f}%;background:var(--panel-primary-color)"></div></div>'
        )
    link = safe(query(page="run", run=run_id))
    return (
        f'<div style="font-size:13px;display:flex;gap:10px;align-items:center;flex-wrap:wrap">{chip(state)}'
        f'<a href="{link}" style="color:var(--panel-primary-color);font-weight:600">Evaluation: {safe(title)}'
        f"</a><span>{safe(said)}</span></div>{bar}"
    )
