"""One model of the page: which it is, what is done with its endpoint, what it said last."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from launch.serving.places import PLACES
from launch.serving.types import Endpoint, EndpointState
from panel_app.forms.view import Action, Choice
from panel_app.pages.playground.asking import Reply
from panel_app.playground.models import MADE_HERE, Found, missing

_PLACE_NAMES = {"local": "this machine", "databricks": "Model Serving"}


class Slot:
    """A list to choose a model from, and a button for its endpoint."""

    def __init__(
        self,
        key: str,
        label: str,
        nothing: str,
        chosen: Callable[[Slot], None],
        pressed: Callable[[Slot], None],
    ) -> None:
        """Build it, still empty.

        Args:
            key: in the address: "a" or "b".
            label: of the list.
            nothing: what is said where no model is chosen.
            chosen: told that another model was chosen.
            pressed: told that the button was pressed.
        """
        self.key, self._nothing = key, nothing
        self.model = ""
        self.asked: tuple[Any, ...] = ()
        self.shown: dict[str, Any] = {}
        self._number = 0
        self._found = Found()
        self._chosen = chosen
        self.choice = Choice(self._heard, label=label, options=[["", nothing]], max_width=420)
        self.action = Action(
            lambda _: pressed(self), label="", visible=False, width=260, sizing_mode="fixed"
        )

    @property
    def endpoint(self) -> Endpoint | None:
        """The endpoint that is chosen; None: it is none, or not there."""
        return self._found.endpoints.get(self.model)

    @property
    def title(self) -> str:
        """What people call it."""
        model = self._found.models.get(self.model)
        return model.title if model is not None else self.model.partition("/")[2]

    @property
    def does(self) -> str:
        """What the button does: deploy, start, stop or nothing ("")."""
        if self.model in self._found.models:
            return "deploy"
        endpoint = self.endpoint
        if endpoint is None or endpoint.place != "local":
            return ""
        if endpoint.state in (EndpointState.STOPPED, EndpointState.DOWN):
            return "start"
        mine = endpoint.name.startswith(MADE_HERE)
        return "stop" if mine and endpoint.state.is_settled else ""

    def meet(self, found: Found) -> None:
        """Take what there is now."""
        self._found = found
        options = [["", self._nothing]]
        for key, one in found.endpoints.items():
            where = _PLACE_NAMES[key.partition("/")[0]]
            options.append([key, f"{one.name} ({where}, {one.state})"])
        for key, model in found.models.items():
            more = f" {model.about}" if model.about else ""
            options.append([key, f"{model.title}{more} (no endpoint yet)"])
        if self.model and all(key != self.model for key, _ in options):
            options.append([self.model, f"{self.model} (not there)"])
        if options != self.choice.options:
            self.choice.options = options
        if self.choice.value != self.model:
            self.choice.value = self.model
        texts = {"deploy": "Deploy on this machine", "start": "Start", "stop": "Stop"}
        text = texts.get(self.does, "")
        label = f"{text} {self.title}" if self.does in ("start", "stop") else text
        self.action.param.update(label=label, visible=bool(text))

    def take(self, key: str) -> None:
        """Have another model chosen; what the former said is gone."""
        if key != self.model:
            self.model, self.asked = key, ()
            self._show()
        if self.choice.value != key and any(one == key for one, _ in self.choice.options):
            self.choice.value = key

    def why_not(self) -> tuple[str, bool]:
        """Return why it can't be asked now, and whether that is bad news; "" if it can."""
        endpoint = self.endpoint
        if self.model in self._found.models:
            return "It has no endpoint yet. Deploy it on this machine, then it answers here.", False
        if endpoint is None:
            return (missing(self.model, self._found) if self._found.endpoints else _GONE), True
        if endpoint.state.answers:
            return "", False
        bad = endpoint.state in (EndpointState.FAILED, EndpointState.DOWN)
        return f"It is {endpoint.state}: {endpoint.message or 'it does not answer yet'}.", bad

    def say(self, words: str, *, bad: bool = False) -> None:
        """Show a sentence in place of an answer."""
        if self.shown.get("words") != words or "item" in self.shown:
            self._show(words=words, bad=bad)

    def answer(self, reply: Reply) -> None:
        """Show an answer."""
        self._show(item=reply.item, answer=reply.answer, time=reply.time)

    def _show(self, **more: Any) -> None:
        self._number += 1
        self.shown = {"number": self._number, **more}

    def message(self) -> dict[str, Any]:
        """Return it for the browser."""
        name = self.model.rpartition("/")[2] if self.endpoint else self.model.replace("/", "-")
        return {"key": self.key, "name": name, "title": self.title, **self.shown}

    def _heard(self, word: dict[str, Any]) -> None:
        self.take(str(word.get("value", "")))
        self._chosen(self)


_GONE = "This model is not there any more. Choose another one."

assert set(_PLACE_NAMES) == set(PLACES)
