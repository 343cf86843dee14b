"""What a new batch is made of: model, images, output, and how."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from typing import Any

import panel as pn
import panel_material_ui as pmui

from cvcore.batch.job import FORMATS, BatchJob
from cvcore.config.overrides import parse
from cvcore.errors import ConfigError
from cvcore.serve.mask_forms import MASKS
from panel_app.batch.batches import HERE, PLACES
from panel_app.context import Context
from panel_app.data.sets import of
from panel_app.forms.view import Action, Choice
from panel_app.pages.data.browser import Browser
from panel_app.playground.models import Model
from panel_app.views.copy import Command

TEXTS = ("source", "out", "threshold", "batch_size", "shard_size", "workers", "image", "id", "more")
"""Fields that are typed into."""

KEYS = ("model", "format", "masks", "place", *TEXTS)
"""Of the address."""

_NUMBERS = {"batch_size": 16, "shard_size": 128, "workers": 0}


class Form:
    """The fields, and what they come to."""

    def __init__(self, context: Context, changed: Callable[[], None], start: Callable[[], None]):
        """Build it.

        Args:
            context: of the session.
            changed: called when a field says something else.
            start: called when the batch is to be started.
        """
        self._changed, self._is_filling = changed, False
        self._models: dict[str, Model] = {}
        self._token = context.token
        self.choices = {
            "model": Choice(self._chose("model"), label="Model", options=[["", "choose a model"]]),
            "format": Choice(
                self._chose("format"),
                label="Output as",
                options=[[one, _FORMATS[one]] for one in FORMATS],
                value=FORMATS[0],
            ),
            "place": Choice(
                self._chose("place"), label="Where it runs", options=list(map(list, PLACES.items()))
            ),
            "masks": Choice(
                self._chose("masks"), label="Masks as", options=[[m, m] for m in MASKS], value="rle"
            ),
        }
        self.choices["place"].value = HERE
        wide: dict[str, Any] = {"sizing_mode": "stretch_width", "size": "small"}
        short: dict[str, Any] = {"width": 190, "size": "small"}
        self.texts = {
            "source": pmui.TextInput(
                label="Images",
                placeholder="a folder, a Delta table's folder, Parquet files",
                **wide,
            ),
            "out": pmui.TextInput(
                label="Output folder", placeholder="a new folder, or one to go on with", **wide
            ),
            "threshold": pmui.TextInput(
                label="Score threshold", placeholder="the model's own", **short
            ),
            "batch_size": pmui.TextInput(label="Images at once", placeholder="16", **short),
            "shard_size": pmui.TextInput(label="Images of a part", placeholder="128", **short),
            "workers": pmui.TextInput(
                label="Workers", placeholder="as the machine allows", **short
            ),
            "image": pmui.TextInput(label="Column of images", placeholder="image", **short),
            "id": pmui.TextInput(label="Column of names", placeholder="the row's number", **short),
            "more": pmui.TextInput(
                label="Further overrides", placeholder="compute.num_workers=4", **wide
            ),
        }
        for widget in self.texts.values():
            widget.param.watch(self._typed, "value")
        sets = of(context.services)
        self._browsers = {
            "source": Browser(sets, lambda path: self._picked("source", path)),
            "out": Browser(sets, lambda path: self._picked("out", path)),
        }
        for name, browser in self._browsers.items():
            browser.view.title = {"source": "Choose the images", "out": "Choose the output"}[name]
        self.folds = pmui.Button(label="More settings", icon="tune", variant="text")
        self.more = pn.Column(
            pn.FlexBox(
                pn.Column(self.choices["masks"], width=190, margin=(0, 10)),
                *(self.texts[k] for k in TEXTS[2:-1]),
                gap="0 4px",
                align_items="end",
            ),
            self.texts["more"],
            visible=False,
            sizing_mode="stretch_width",
        )
        self.folds.on_click(lambda _: setattr(self.more, "visible", not self.more.visible))
        self.start = Action(
            lambda _: start(), label="Start the batch", kind="main", width=180, sizing_mode="fixed"
        )
        self.command = Command(sizing_mode="stretch_width", margin=(6, 10))
        row: dict[str, Any] = {"gap": "0 18px", "sizing_mode": "stretch_width", "margin": (4, 10)}
        self.view = pn.Column(
            pn.FlexBox(
                *(self._column(self.choices[k]) for k in ("model", "format", "place")), **row
            ),
            self._with_browse("source"),
            self._with_browse("out"),
            self.folds,
            self.more,
            pn.Row(self.start, margin=(4, 10)),
            self.command,
            sizing_mode="stretch_width",
        )

    # ------------------------------------------------------------------ what it says

    def values(self) -> dict[str, str]:
        """Return the fields for the address; what is as usual is left out."""
        found = {key: choice.value for key, choice in self.choices.items()}
        found |= {key: (widget.value or "").strip() for key, widget in self.texts.items()}
        usual = {"format": FORMATS[0], "place": HERE, "masks": "rle"}
        return {key: value for key, value in found.items() if value and value != usual.get(key)}

    def restore(self, values: Mapping[str, str]) -> None:
        """Fill the fields as an address says."""
        self._is_filling = True
        try:
            for key, choice in self.choices.items():
                usual = {"format": FORMATS[0], "place": HERE, "masks": "rle"}.get(key, "")
                wanted = values.get(key, usual)
                known = [one for one, _ in choice.options]
                choice.value = wanted if wanted in known else usual
            for key, widget in self.texts.items():
                widget.value = values.get(key, "")
            if any(values.get(key) for key in TEXTS[2:]):
                self.more.visible = True
        finally:
            self._is_filling = False
        self.say()

    def meet(self, models: Mapping[str, Model]) -> None:
        """Take which models there are."""
        self._models = dict(models)
        options = [["", "choose a model" if models else "there is no model yet"]]
        for key, one in models.items():
            options.append([key, f"{one.title} {one.about}".strip()])
        if options != self.choices["model"].options:
            self.choices["model"].options = options
        self.choices["model"].visible = bool(models)

    def job(self) -> BatchJob:
        """Return the batch that the fields mean.

        Raises:
            ConfigError: a field can't be; in a sentence.
        """
        model = self._models.get(self.choices["model"].value)
        if model is None:
            raise ConfigError(
                "choose a model first: a run with a best model, or a registered version."
            )
        for key, what in (("source", "the images"), ("out", "the output folder")):
            if not self._text(key):
                raise ConfigError(f"give {what}: type a path or browse to it.")
        return BatchJob(
            model.word,
            self._text("source"),
            self._text("out"),
            format=self.choices["format"].value,
            masks=self.choices["masks"].value,
            image_column=self._text("image") or "image",
            id_column=self._text("id") or None,
            score_threshold=self._threshold(),
            **{key: self._number(key) for key in _NUMBERS},
        )

    @property
    def place(self) -> str:
        """Where it is to run."""
        return self.choices["place"].value

    def overrides(self) -> list[str]:
        """Return the further overrides.

        Raises:
            ConfigError: one is none, or is of something else.
        """
        try:
            words = shlex.split(self._text("more"))
        except ValueError as error:
            raise ConfigError(f"the further overrides can't be read: {error}.") from error
        for word in words:
            if not word.startswith(("compute.", "trainer.", "tracking.experiment")):
                raise ConfigError(
                    f"{word!r} is of no use to a batch: overrides of compute.*, trainer.use_cpu and "
                    "tracking.experiment are."
                )
            parse(word)
        return words

    def say(self) -> None:
        """Show the command that does the same."""
        try:
            job, more = self.job(), self.overrides()
        except ConfigError:
            self.command.text = ""
            return
        words = ["lakesight", "batch", job.model, job.source, job.out]
        usual = BatchJob("", "", "")
        for flag, name in _FLAGS.items():
            if getattr(job, name) != getattr(usual, name):
                words += [flag, str(getattr(job, name))]
        words += ["--background"] if self.place == HERE else [f"compute={self.place}"]
        self.command.text = shlex.join([*words, *more])

    def _text(self, key: str) -> str:
        return (self.texts[key].value or "").strip()

    def _number(self, key: str) -> int:
        text = self._text(key)
        if text and not text.isdecimal():
            raise ConfigError(f"{self.texts[key].label} takes a whole number, not {text!r}.")
        return int(text) if text else _NUMBERS[key]

    def _threshold(self) -> float | None:
        text = self._text("threshold")
        try:
            return float(text) if text else None
        except ValueError:
            raise ConfigError(f"the threshold {text!r} is no score: give 0 to 1.") from None

    # ------------------------------------------------------------------ what a person does

    def _chose(self, key: str) -> Callable[[dict[str, Any]], None]:
        def heard(word: dict[str, Any]) -> None:
            self.choices[key].value = str(word.get("value", ""))
            self._tell()

        return heard

    def _typed(self, _event: Any) -> None:
        if not self._is_filling:
            self._tell()

    def _picked(self, key: str, path: str) -> None:
        self.texts[key].value = path

    def _tell(self) -> None:
        self.say()
        self._changed()

    def _with_browse(self, key: str) -> Any:
        browser = self._browsers[key]
        label = {"source": "Browse for images", "out": "Browse for a folder"}[key]
        button = pmui.Button(label=label, icon="folder_open", variant="outlined", margin=(8, 10))

        def open_it(_event: Any) -> None:
            browser.token = self._token
            browser.open(self._text(key))

        button.on_click(open_it)
        self.texts[key].styles = {"flex": "1 1 240px"}
        row = pn.FlexBox(self.texts[key], button, align_items="center", sizing_mode="stretch_width")
        return pn.Column(row, browser.view, sizing_mode="stretch_width")

    def _column(self, choice: Choice) -> Any:
        return pn.Column(choice, styles={"flex": "1 1 220px"})


_FORMATS = {
    "parquet": "Parquet files",
    "delta": "a Delta table (appended in one commit)",
    "coco": "COCO with scores, for labelling tools",
}
_FLAGS = {
    "--format": "format",
    "--image-column": "image_column",
    "--id-column": "id_column",
    "--threshold": "score_threshold",
    "--masks": "masks",
    "--batch-size": "batch_size",
    "--shard-size": "shard_size",
    "--workers": "workers",
}
assert set(_FORMATS) == set(FORMATS)
