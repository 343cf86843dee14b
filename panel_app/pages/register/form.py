"""A run's model becomes a version of a registered model."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from typing import Any

import panel as pn

from cvcore.errors import ConfigError, LakesightError
from cvcore.serve.register.names import check_alias, check_name
from launch.registry.promote import CHAMPION
from launch.registry.register import NUM_IMAGES
from panel_app import deeds
from panel_app.commands import command
from panel_app.context import Context
from panel_app.errands.errands import Errands
from panel_app.forms.plain import PlainForm, field
from panel_app.forms.view import Action, Choice, Notice
from panel_app.pages.base import panel
from panel_app.rows import Row
from panel_app.selection import parsed_tags
from panel_app.views.copy import Command

_MOST = 200
_TITLE = (
    '<h2 style="font-size:16px;font-weight:650;margin:0 0 2px">Register a run</h2>'
    '<p style="margin:0;font-size:13px;opacity:.8">The best model of a run, with its code, requirements, '
    "signature, label space, thresholds, licence and a model card.</p>"
)


class RegisterForm:
    """Which run, under which name, and what is measured; the button starts it.

    Attributes:
        view: what is shown.
    """

    def __init__(self, context: Context, errands: Errands, is_unity_catalog: bool) -> None:
        """Build it; runs come with `open`.

        Args:
            context: of the session.
            errands: of this machine.
            is_unity_catalog: whether names have three parts.
        """
        self.context, self.errands = context, errands
        self._is_uc = is_unity_catalog
        self._rows: dict[str, Row] = {}
        self._task: asyncio.Task[None] | None = None
        self.run = Choice(self._chosen, label="Run", options=[["", "reading the runs ..."]])
        kind = "catalog.schema.model of Unity Catalog" if is_unity_catalog else "e.g. cells"
        self.form = PlainForm(
            "",
            (
                field("model", "Name of the model", f"A new one, or one that exists: {kind}.",
                      read=self._name),
                field("alias", "Alias", "Points at the new version, e.g. challenger; may stay empty. "
                      f"{CHAMPION} moves only through the gate.", read=_alias),
                field("tags", "Tags", "Of the version, e.g. team=lab, baseline.", read=parsed_tags),
                field("images", "Images of the robustness card", "Of test, else val; 0: none. "
                      "Each is predicted 19 times.", given=str(NUM_IMAGES), control="number", read=_number),
                field("latency", "Measure the speed", "Of one image, on this machine; the gate asks for it.",
                      given="true", control="switch", read=lambda text: text == "true"),
            ),
            self._show,
        )  # fmt: skip
        self.command = Command(sizing_mode="stretch_width", margin=(10, 0))
        self.words = Notice()
        self.start = Action(
            self._pressed, label="Register", kind="main", disabled=True, max_width=320
        )
        self.view = panel(
            pn.pane.HTML(_TITLE, sizing_mode="stretch_width", margin=(0, 0, 6, 0)),
            self.run,
            self.form.view,
            self.command,
            self.start,
            self.words,
        )
        self.view.visible = False

    async def open(self, run_id: str) -> None:
        """Show it, with the runs that have a model, and one of them chosen if it is given."""
        self.view.visible = True
        try:
            rows = await asyncio.to_thread(self.context.services.rows)
        except LakesightError as error:
            self.words.say("The runs can't be read", str(error), "error")
            return
        found = with_model(rows)
        self._rows = {one.run_id: one for one in found}
        if not found:
            self.run.options = [["", "no run has a model yet"]]
            self.words.say(
                "No run has a model yet",
                "Train one: Configure composes it. Its best model can be registered as soon as it was "
                "evaluated once.",
            )
        else:
            self.run.options = [["", "choose a run"], *([r.run_id, _label(r)] for r in found)]
            if run_id and run_id not in self._rows:
                text = f"Run {run_id[:8]} is not in the ledger, or has no evaluated model."
                self.words.say("That run can't be registered", text, "warning")
        if run_id in self._rows:
            self._choose(run_id)
        self._show()

    def close(self) -> None:
        """Drop what is under way."""
        if self._task is not None:
            self._task.cancel()

    def _chosen(self, word: dict[str, Any]) -> None:
        self._choose(str(word.get("value", "")))
        self.context.keep("register", new="1", run=self.run.value)

    def _choose(self, run_id: str) -> None:
        self.run.value = run_id
        self.words.say("")
        one = self._rows.get(run_id)
        if one is not None and self.form.is_given("model"):
            self.form.give(model="" if self._is_uc else name_of(one))
        self._show()

    def _name(self, text: str) -> str:
        if not text.strip():
            raise ConfigError("the model needs a name.")
        return check_name(text.strip(), self._is_uc)

    def _show(self) -> None:
        ready = bool(self.run.value) and not self.form.faults
        self.start.disabled = not ready
        self.command.text = self._command() if ready else ""

    def _command(self) -> str:
        values = self.form.values
        tags = [word for key, text in values["tags"].items() for word in ("--tag", f"{key}={text}")]
        return command(
            self.context.services,
            *("register", self.run.value[:8], "--as", values["model"]),
            *(("--alias", values["alias"]) if values["alias"] else ()),
            *tags,
            *(("--images", str(values["images"])) if values["images"] != NUM_IMAGES else ()),
            *(() if values["latency"] else ("--no-latency",)),
        )

    def _pressed(self, _word: dict[str, Any]) -> None:
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._go())

    async def _go(self) -> None:
        self.start.disabled = True
        values, services = self.form.values, self.context.services
        one = self._rows[self.run.value]
        arguments = {
            "run": one.run_id,
            "model": values["model"],
            "alias": values["alias"],
            "tags": values["tags"],
            "latency": values["latency"],
            "num_images": values["images"],
            "tracking_uri": services.ledger.uri,
        }
        try:
            await deeds.do(
                self.errands.start,
                "register",
                arguments,
                subject=values["model"],
                title=f"Register {one.title} as {values['model']}",
                command=self.command.text,
                user=self.context.user,
            )
        except OSError as error:
            self.words.say("Not started", f"{error.strerror}: {error.filename}", "error")
            self._show()
            return
        self.run.value = ""
        self.view.visible = False
        self.context.go("register", model=values["model"])


def with_model(rows: Sequence[Row]) -> list[Row]:
    """Return the runs that have a model to register."""
    return [one for one in rows if one.has_model][:_MOST]


def name_of(one: Row) -> str:
    """Return what a model of a run may be called.

    Example:
        >>> re.sub("[^A-Za-z0-9_-]+", "-", "my cells: v2").strip("-").lower()
        'my-cells-v2'
    """
    return re.sub("[^A-Za-z0-9_-]+", "-", one.title).strip("-").lower()[:60] or "model"


def _label(one: Row) -> str:
    value = "" if one.value is None else f"{one.metric} {one.value:.4f}"
    words = (one.title, one.task.replace("_", " "), one.model.rpartition("/")[2], value, one.user)
    return " \u00b7 ".join(word for word in words if word)


def _alias(text: str) -> str:
    alias = text.strip()
    if not alias:
        return ""
    if check_alias(alias) == CHAMPION:
        raise ConfigError(f"{CHAMPION} moves only through the gate: register first, then promote.")
    return alias


def _number(text: str) -> int:
    if not text.strip().isdigit() or int(text) > 100_000:
        raise ConfigError(f"{text.strip()!r} is not a number of images: give 0 to 100,000.")
    return int(text)
