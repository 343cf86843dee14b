"""The threshold studio: a score threshold per class, counted at once, saved into the model."""

from __future__ import annotations

import asyncio
import math
from pathlib import Path
from typing import Any, ClassVar

import panel as pn
import panel_material_ui as pmui
import param

from cvcore.errors import LakesightError
from cvcore.evaluate.operating import Counts, total
from cvcore.serve import artifact
from panel_app import deeds
from panel_app.context import Context
from panel_app.evaluate.study import Study
from panel_app.pages.base import notice
from panel_app.views.script import script

_HERE = Path(__file__)
_ABOUT = (
    "A class shows its objects from its threshold on. Counts are at IoU 0.5, over all images of this "
    "evaluation. Saved thresholds travel with the model: predictions, batches and endpoints use them, "
    "class by class, unless a threshold is given there. AP does not depend on them."
)


class Sliders(pn.custom.JSComponent):
    """Rows of sliders; what is moved is told to `moved`."""

    rows = param.List(default=[], doc="name, threshold (None: a sum) and six counts of each.")

    _esm = script(_HERE.with_suffix(".js"))
    _stylesheets: ClassVar[list[str]] = [_HERE.with_suffix(".css").read_text(encoding="utf-8")]

    def __init__(self, **params: Any) -> None:
        """Build it, empty."""
        super().__init__(**params)
        self.moved: Any = None

    def _handle_msg(self, data: Any) -> None:
        if self.moved is not None and isinstance(data, dict):
            self.moved(data)


class ThresholdStudio:
    """See this module."""

    def __init__(self, context: Context) -> None:
        """Build it, empty."""
        self.context = context
        self.study: Study | None = None
        self.folder: Path | None = None
        self.now: list[float] = []
        self._kept: list[float] = []
        self.sliders = Sliders(sizing_mode="stretch_width", margin=(8, 10))
        self.sliders.moved = self._moved
        self.words = pn.Column(sizing_mode="stretch_width")
        self.save: Any = pmui.Button(label="Save into the model", icon="save", variant="contained")
        self.best: Any = pmui.Button(label="Best F1 of every class", variant="outlined")
        self.saved: Any = pmui.Button(label="As saved", variant="outlined")
        self.every: Any = pmui.TextInput(
            label="One for all", placeholder="0.5", width=120, size="small"
        )
        self.save.on_click(self._save)
        self.best.on_click(lambda _: self._set(list(self.study.thresholds) if self.study else []))
        self.saved.on_click(self._as_saved)
        self.every.param.watch(self._all, "value_input")
        self.view = pn.Column(
            pn.pane.HTML(
                f'<p style="font-size:13px;margin:0">{_ABOUT}</p>',
                margin=(4, 10),
                sizing_mode="stretch_width",
            ),
            pn.Row(self.save, self.best, self.saved, self.every),
            self.words,
            self.sliders,
            sizing_mode="stretch_width",
        )

    async def show(self, study: Study, folder: Path | None) -> None:
        """Show the thresholds that the model has, counted on an evaluation.

        Args:
            study: the evaluation.
            folder: of the model on this machine; None: it is not here.
        """
        self.study, self.folder = study, folder
        if study.coco is None:
            self.sliders.rows = []
            for one in (self.save, self.best, self.saved, self.every):
                one.visible = False
            task = study.task.replace("_", " ")
            self.words.objects = [
                notice(
                    "No thresholds", f"A model for {task} has no score to cut at: it answers once."
                )
            ]
            return
        for one in (self.save, self.best, self.saved, self.every):
            one.visible = True
        self.save.disabled = folder is None
        self.words.objects = (
            []
            if folder is not None
            else [
                notice(
                    "The model is not on this machine",
                    "Thresholds can be tried here; to save them, open the app where the run's folder is.",
                )
            ]
        )
        await self._as_saved(None)

    def close(self) -> None:
        """Let go of the sliders."""
        self.sliders.moved = None

    def _known(self) -> list[float]:
        assert self.study is not None
        if self.folder is None:
            return list(self.study.thresholds)
        known = artifact.read(self.folder)
        names = self.study.labels.names
        return [known.class_thresholds.get(name, known.score_threshold) for name in names]

    def _set(self, thresholds: list[float]) -> None:
        self.now = thresholds
        self._count()

    def _count(self) -> None:
        study = self.study
        if study is None or study.coco is None:
            return
        counted = study.counting.counts(self.now)
        rows = [
            {"name": name, "threshold": threshold, "counts": _figures(counts)}
            for name, threshold, counts in zip(study.labels.names, self.now, counted, strict=True)
        ]
        rows.append({"name": "all classes", "threshold": None, "counts": _figures(total(counted))})
        self.sliders.rows = rows
        # What would change nothing now is off.
        self.best.disabled = self.now == list(study.thresholds)
        self.saved.disabled = self.folder is None or self.now == self._kept

    def _moved(self, message: dict[str, Any]) -> None:
        study = self.study
        if study is None or study.coco is None:
            return
        k = int(message.get("set", message.get("best", -1)))
        if not 0 <= k < len(self.now):
            return
        wanted = float(message["to"]) if "to" in message else study.thresholds[k]
        if 0 <= wanted <= 1:
            self.now = [*self.now[:k], wanted, *self.now[k + 1 :]]
            self._count()

    def _all(self, event: Any) -> None:
        try:
            wanted = float(event.new)
        except ValueError:
            wanted = -1.0
        is_score = 0 <= wanted <= 1
        self.every.error_state = bool(event.new) and not is_score
        if is_score:
            self._set([wanted] * len(self.now))

    async def _as_saved(self, _: Any) -> None:
        self._kept = await asyncio.to_thread(self._known)
        self._set(list(self._kept))

    async def _save(self, _: Any) -> None:
        study, folder = self.study, self.folder
        if study is None or folder is None:
            return
        chosen = dict(zip(study.labels.names, self.now, strict=True))
        try:
            await deeds.do(artifact.set_class_thresholds, folder, chosen)
        except (OSError, LakesightError) as error:
            self.words.objects = [notice("The thresholds can't be saved", str(error), "error")]
            return
        self.words.objects = []
        self._kept = list(chosen.values())
        self.saved.disabled = self.now == self._kept
        self.context.tell(
            "Saved. New predictions use them; versions and endpoints made before keep theirs.",
            "success",
        )


def _figures(counts: Counts) -> list[float | None]:
    figures: list[float] = [counts.tp, counts.fp, counts.fn]
    figures += [counts.precision, counts.recall, counts.f1]
    return [None if math.isnan(value) else value for value in figures]
