"""The page Evaluate: choose a model and one of its evaluations, look at all that is behind the figures."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import panel as pn
import panel_material_ui as pmui

from cvcore.errors import LakesightError
from cvcore.serve.artifact import FILE as CARD
from launch.ledger_run import LedgerRun
from panel_app.context import Context
from panel_app.evaluate import catalogue, study
from panel_app.pages.base import heading, notice
from panel_app.pages.evaluate.sections import SECTIONS, Sections
from panel_app.pages.evaluate.start import Start
from panel_app.safe import safe
from panel_app.tasks import Tasks
from panel_app.views.board import PLAIN

_LEDGER_S = 3.0


class EvaluatePage:
    """See this module."""

    heading = "Evaluate"
    period_ms = 1_000

    def __init__(self, context: Context) -> None:
        """Build it, still empty."""
        self.context, self.services = context, context.services
        self.studies = study.of(self.services)
        self.runs: Sequence[LedgerRun] = ()
        self.found: list[catalogue.Found] = []
        self.study: study.Study | None = None
        self._filled: set[str] = set()
        self._is_setting = False
        self._was_active = False
        self._read_at = float("-inf")
        self._wanted: dict[str, str] = {}
        self._tasks = Tasks()
        self.model: Any = pmui.Select(label="Model", options={}, width=340, size="small")
        self.evaluation: Any = pmui.Select(label="Evaluation", options={}, width=430, size="small")
        self.new: Any = pmui.Button(
            label="New evaluation", icon="add", variant="outlined", margin=(12, 8)
        )
        self.links = pn.pane.HTML("", margin=(20, 8))
        self.words = pn.Column(sizing_mode="stretch_width")
        self.start = Start(context, self._started)
        self.section: Any = pmui.RadioButtonGroup(
            label="Show", options=SECTIONS, value="summary", margin=(8, 10), sx=PLAIN
        )
        self.sections = Sections(context, self._keep, self._to_images)
        self.body = pn.Column(
            self.section, *self.sections.parts.values(), sizing_mode="stretch_width", visible=False
        )
        self.view = pn.Column(
            heading(
                "Evaluate", "How good a model is, where it fails, and from which score on it speaks"
            ),
            pn.FlexBox(
                self.model, self.evaluation, self.new, self.links, sizing_mode="stretch_width"
            ),
            self.start.view,
            self.words,
            self.body,
            sizing_mode="stretch_width",
        )
        self.start.form.visible = False
        self.new.on_click(self._toggle)
        self.model.param.watch(self._model_chosen, "value")
        self.evaluation.param.watch(self._evaluation_chosen, "value")
        self.section.param.watch(self._section_chosen, "value")

    async def open(self, values: Mapping[str, str]) -> None:
        """Show what an address asks for; without a model the one that was trained last."""
        self._wanted = dict(values)
        shown = values.get("show", "summary")
        self._is_setting = True
        self.section.value = shown if shown in self.sections.parts else "summary"
        self._is_setting = False
        await self._read(values.get("run", ""), values.get("eval", ""))

    async def refresh(self) -> None:
        """Look how evaluations under way go on; when one has ended, list it."""
        run_id = self.model.value
        if not run_id:
            if time.monotonic() - self._read_at > _LEDGER_S:
                await self._read("", "")
            return
        if not self._was_active and time.monotonic() - self._read_at < 5 * _LEDGER_S:
            return
        if time.monotonic() - self._read_at > _LEDGER_S:
            self._read_at = time.monotonic()
            self.runs = await asyncio.to_thread(self._ledger_runs)
        active = await self.start.follow(catalogue.evaluations_of(self.runs, run_id))
        ended, self._was_active = self._was_active and not active, active
        if ended:
            await self._list(run_id, "")

    def close(self) -> None:
        """Let go of what is under way."""
        self._tasks.close()
        self.sections.close()

    def _ledger_runs(self) -> Sequence[LedgerRun]:
        return self.services.ledger.runs(submitted=False)

    async def _read(self, run_id: str, key: str) -> None:
        self._read_at = time.monotonic()
        try:
            self.runs = await asyncio.to_thread(self._ledger_runs)
        except LakesightError as error:
            self.words.objects = [notice("The runs can't be read", str(error), "error")]
            return
        models = catalogue.models(self.runs)
        wanted = run_id or self.model.value or next(iter(models.values()), "")
        self._is_setting = True
        try:
            if self.model.options != models:
                self.model.options = models
            if wanted in models.values():
                self.model.value = wanted
        finally:
            self._is_setting = False
        if wanted not in models.values():
            self.body.visible = False
            self.links.object = ""
            self.start.show(None, "")
            self.words.objects = [_no_model(run_id)]
            return
        await self._list(wanted, key)

    async def _list(self, run_id: str, key: str) -> None:
        """List a model's evaluations and show one: that of the key, else the newest."""
        run = next(one for one in self.runs if one.run_id == run_id)
        try:
            self.found = await asyncio.to_thread(catalogue.found, self.services, self.runs, run_id)
        except LakesightError as error:
            self.words.objects = [notice("The evaluations can't be listed", str(error), "error")]
            return
        titles = {one.title: one.key for one in self.found}
        chosen = key if key in titles.values() else next(iter(titles.values()), None)
        self._is_setting = True
        try:
            self.evaluation.options = titles
            self.evaluation.value = chosen
        finally:
            self._is_setting = False
        self.start.show(run, run.params.get("task.kind", ""))
        evaluations = catalogue.evaluations_of(self.runs, run_id)
        self._was_active = await self.start.follow(evaluations)
        if chosen is None:
            self.body.visible = False
            self.start.form.visible = True
            self.words.objects = [
                notice(
                    "This model has no finished evaluation yet",
                    "A training evaluates its best model at its end. To evaluate now, choose a split above "
                    "and press Evaluate.",
                )
            ]
            return
        if key and key != chosen:
            self.context.tell(
                "That evaluation is not there any more; this is the newest.", "warning"
            )
        await self._open(chosen)

    async def _open(self, key: str) -> None:
        try:
            self.study = await asyncio.to_thread(self.studies.open, key)
            # What all sections need; it says so when the report is from before it was kept.
            await asyncio.to_thread(lambda: self.study and self.study.metric)
            self.words.objects = []
        except LakesightError as error:
            self.study = None
            self.body.visible = False
            self.words.objects = [notice("This evaluation can't be opened", str(error), "warning")]
            return
        self._filled.clear()
        look, save = (self.studies.page_url(key, save=one) for one in (False, True))
        style = 'style="color:var(--panel-primary-color);font-weight:600;font-size:13px"'
        self.links.object = (
            f'<a href="{safe(look)}" target="_blank" rel="noopener" {style}>Open the report</a> '
            f'&nbsp; <a href="{safe(save)}" {style}>Download it (one HTML file)</a>'
        )
        self.body.visible = True
        await self._fill()

    async def _fill(self) -> None:
        """Fill the section that is shown, once per evaluation."""
        name, opened = str(self.section.value), self.study
        for key, part in self.sections.parts.items():
            part.visible = key == name
        if opened is None or name in self._filled:
            self._keep()
            return
        self._filled.add(name)
        wanted, self._wanted = self._wanted, {}
        try:
            await self.sections.fill(name, opened, wanted, lambda: self._place(opened))
        except LakesightError as error:
            self._filled.discard(name)
            self.words.objects = [notice("This part can't be shown", str(error), "warning")]
        self._keep()

    def _place(self, opened: study.Study) -> tuple[Path | None, str, dict[str, str]]:
        title = next((one.model for one in self.found if one.key == opened.key), "")
        return self._model_folder(), title, self._others(opened)

    def _model_folder(self) -> Path | None:
        """Return where the chosen run's model is, None where it is not on this machine."""
        run = next((one for one in self.runs if one.run_id == self.model.value), None)
        folder = None if run is None else run.folder
        model = None if folder is None else folder / "best"
        return model if model is not None and (model / CARD).is_file() else None

    def _others(self, opened: study.Study) -> dict[str, str]:
        """Return evaluations of the same split by other models: title -> key."""
        found = {}
        for run_id in catalogue.models(self.runs).values():
            run = next(one for one in self.runs if one.run_id == run_id)
            if run.params.get("task.kind", opened.task) != opened.task:
                continue
            for one in catalogue.found(self.services, self.runs, run_id):
                if one.key != opened.key and one.split == opened.summary["split"]:
                    found[f"{one.model}: {one.title}"] = one.key
        return found

    def _model_chosen(self, event: Any) -> None:
        if not self._is_setting and event.new:
            self._tasks.begin(self._list(event.new, ""))

    def _evaluation_chosen(self, event: Any) -> None:
        if not self._is_setting and event.new:
            self._tasks.begin(self._open(event.new))

    def _section_chosen(self, _: Any) -> None:
        if not self._is_setting:
            self._tasks.begin(self._fill())

    def _to_images(self, wanted: dict[str, str]) -> None:
        if self.study is None:
            return
        self._wanted = {"what": "", **wanted}
        self._filled.discard("images")
        self.section.value = "images"

    def _toggle(self, _: Any) -> None:
        self.start.form.visible = not self.start.form.visible

    def _started(self) -> None:
        self._was_active, self._read_at = True, float("-inf")

    def _keep(self) -> None:
        shown = str(self.section.value)
        self.context.keep(
            "evaluate",
            run=self.model.value or "",
            eval=self.study.key if self.study else "",
            show="" if shown == "summary" else shown,
            **self.sections.values(shown),
        )


def _no_model(asked: str) -> Any:
    if asked:
        return notice(
            "There is no such run, or it has no model to evaluate",
            "Choose one above. A run has a model after its first evaluation in training.",
            "warning",
        )
    return notice(
        "No model has been trained yet",
        "Train one first: Configure, then Launch, or Train on the built-in digits under Train. Its "
        "evaluation is listed here when it ends.",
    )
