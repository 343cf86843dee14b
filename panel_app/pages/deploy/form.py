"""What is deployed, where, and what that costs; the button does it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import panel as pn

from cvcore.config.keys import Key, find
from cvcore.config.overrides import assign
from cvcore.errors import ConfigError, LakesightError
from launch.serving.cost import cost
from launch.serving.deploy import deploy, serving_conf
from launch.serving.places import get_place, has_workspace
from launch.serving.types import check_name
from panel_app import deeds
from panel_app.commands import command
from panel_app.context import Context
from panel_app.forms.fields import from_text, spec_of, to_text
from panel_app.forms.plain import Field, PlainForm, field
from panel_app.forms.view import Action, Choice, Notice
from panel_app.models import Models
from panel_app.pages.base import panel
from panel_app.pages.deploy.listing import PLACES
from panel_app.pages.register.form import with_model
from panel_app.safe import safe
from panel_app.views.copy import Command

_KEYS = (
    "serving.workload_type",
    "serving.workload_size",
    "serving.scale_to_zero",
    "serving.environment_vars",
    "serving.inference_table",
    "serving.usd_per_dbu",
)
_LOCAL = ("serving.environment_vars",)
_TITLE = (
    '<h2 style="font-size:16px;font-weight:650;margin:0 0 2px">Deploy a model</h2>'
    '<p style="margin:0;font-size:13px;opacity:.8">Behind a new endpoint, or behind one that exists: the '
    "version that answers there goes on until the new one does.</p>"
)


class DeployForm:
    """The form and its button.

    Attributes:
        view: what is shown.
    """

    def __init__(
        self, context: Context, models: Models, deployed: Callable[[str, str], Any]
    ) -> None:
        """Build it; models come with `open`.

        Args:
            context: of the session.
            models: of the process.
            deployed: is called with place and name; a coroutine function.
        """
        self.context, self.models, self._deployed = context, models, deployed
        self._task: asyncio.Task[None] | None = None
        self.model = Choice(self._chosen, label="Model", options=[["", "reading ..."]])
        places = ["local", *(["databricks"] if has_workspace() else [])]
        self.place = Choice(
            self._placed,
            label="Where",
            options=[[one, PLACES[one].capitalize()] for one in places],
            value="local",
            max_width=320,
        )
        self.form = PlainForm(
            "",
            (
                field("name", "Name of the endpoint", "Letters, digits, - and _.", read=_name),
                field("share", "Share of the traffic, percent", "Below 100 the new version is a canary "
                      "beside the present one.", given="100", control="number", read=_share),
            ),
            self._show,
        )  # fmt: skip
        self.local = PlainForm("", [_of_key(key) for key in _LOCAL], self._show)
        self.remote = PlainForm("", [_of_key(key) for key in _KEYS], self._show)
        self.remote.view.visible = False
        self.cost = pn.pane.HTML("", sizing_mode="stretch_width", margin=(4, 0))
        self.command = Command(sizing_mode="stretch_width", margin=(10, 0))
        self.start = Action(
            self._pressed, label="Deploy", kind="main", disabled=True, max_width=320
        )
        self.words = Notice()
        self.view = panel(
            pn.pane.HTML(_TITLE, sizing_mode="stretch_width", margin=(0, 0, 6, 0)),
            self.model,
            self.place,
            self.form.view,
            self.local.view,
            self.remote.view,
            self.cost,
            self.command,
            self.start,
            self.words,
        )
        self.view.visible = False

    async def open(self, word: str) -> None:
        """Show it with the models there are, and one of them chosen if it is given."""
        self.view.visible = True
        try:
            options = await asyncio.to_thread(self._options)
        except LakesightError as error:
            self.words.say("The models can't be read", str(error), "error")
            return
        known = [value for value, _ in options]
        if word and word not in known:
            options.append((word, word))
        if options:
            self.words.say("")
            self.model.options = [["", "choose a model"], *map(list, options)]
        else:
            self.model.options = [["", "there is no model yet"]]
            self.words.say(
                "There is no model yet",
                "Train one, or register the model of a run: then it can be deployed.",
            )
        self._choose(word)

    def close(self) -> None:
        """Wait for nothing any more; what was asked for goes on."""
        if self._task is not None:
            self._task.cancel()

    def _options(self) -> list[tuple[str, str]]:
        found = []
        for model in self.models.all():
            for version in self.models.versions(model.model):
                marks = "".join(f" @{alias}" for alias in version.aliases)
                figure = version.tags.get("lakesight_figure", "")
                text = f"{model.model} version {version.version}{marks}"
                text += f" \u00b7 {figure}" if figure else ""
                found.append((f"{model.model}/{version.version}", text))
        runs = with_model(self.context.services.rows())
        return [*found, *((r.run_id, f"run {r.title} \u00b7 not registered") for r in runs)]

    def _chosen(self, word: dict[str, Any]) -> None:
        self._choose(str(word.get("value", "")))
        self.context.keep("deploy", new="1", word=self.model.value)

    def _choose(self, word: str) -> None:
        self.model.value = word
        if word and self.form.is_given("name"):
            title = dict(map(tuple, self.model.options)).get(word, "")
            run = title.partition(" \u00b7 ")[0].removeprefix("run ")
            name = word.rpartition("/")[0].rpartition(".")[2] if "/" in word else run
            self.form.give(name="".join(c if c.isalnum() or c in "-_" else "-" for c in name)[:63])
        self._show()

    def _placed(self, word: dict[str, Any]) -> None:
        self.place.value = str(word.get("value") or "local")
        self._show()

    @property
    def _extra(self) -> PlainForm:
        return self.local if self.place.value == "local" else self.remote

    def _overrides(self) -> list[str]:
        form = self._extra
        keys = _LOCAL if form is self.local else _KEYS
        return [assign(key, form.values[key]) for key in keys if not form.is_given(key)]

    def _show(self) -> None:
        is_local = self.place.value == "local"
        self.local.view.visible, self.remote.view.visible = is_local, not is_local
        ready = bool(self.model.value) and not self.form.faults and not self._extra.faults
        self.start.disabled = not ready or (self._task is not None and not self._task.done())
        self.command.text = self._command() if ready else ""
        self.cost.object = "" if is_local or self._extra.faults else self._cost()

    def _cost(self) -> str:
        values = self.remote.values
        hint = cost(*(values[key] for key in (*_KEYS[:3], "serving.usd_per_dbu")))
        rests = "".join(f"<li>{safe(line)}</li>" for line in hint.assumptions)
        return (
            f'<p style="margin:2px 0;font-size:13.5px"><b>What it costs:</b> {safe(hint.text)}</p>'
            f'<ul style="margin:2px 0 0 18px;padding:0;font-size:12.5px;opacity:.85">{rests}</ul>'
        )

    def _command(self) -> str:
        values, word = self.form.values, self.model.value
        return command(
            self.context.services,
            *("deploy", word if "/" in word else word[:8], "--name", values["name"]),
            *(("--share", str(values["share"])) if values["share"] != 100 else ()),
            *(("--to", self.place.value) if self.place.value != "local" else ()),
            *self._overrides(),
        )

    def _pressed(self, _word: dict[str, Any]) -> None:
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._go())

    async def _go(self) -> None:
        self.start.param.update(disabled=True, label="Deploying ...")
        place, word = self.place.value, self.model.value
        name, share, overrides = (
            self.form.values["name"],
            self.form.values["share"],
            self._overrides(),
        )
        user, uri = self.context.user, self.context.services.ledger.uri

        def go() -> Any:
            conf = serving_conf(overrides)
            endpoints = get_place(place, conf.profile)
            return deploy(
                word, place=place, name=name, share=share, conf=conf, tracking_uri=uri, user=user,
                endpoints=endpoints,
            )  # fmt: skip

        try:
            made = await deeds.do(go)
        except (LakesightError, OSError) as error:
            self.words.say("Not deployed", str(error), "error")
            return
        finally:
            self.start.param.update(disabled=False, label="Deploy")
        self.words.say("")
        self.view.visible = False
        await self._deployed(made.place, made.name)


def _of_key(path: str) -> Field:
    key = find(path)
    assert isinstance(key, Key)
    default = key.default
    return Field(spec_of(key), to_text(default), lambda text: from_text(key, text))


def _name(text: str) -> str:
    if not text.strip():
        raise ConfigError("the endpoint needs a name.")
    return check_name(text.strip())


def _share(text: str) -> int:
    if not text.strip().isdigit() or not 1 <= int(text) <= 100:
        raise ConfigError(f"{text.strip()!r} is not a share: give 1 to 100 percent.")
    return int(text)
