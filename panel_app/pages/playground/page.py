"""Playground: models on the left and right, an image, what they say of it. All of it in the address."""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
from collections.abc import Coroutine, Mapping
from typing import Any

import panel as pn

from cvcore.data.remote_image import MAX_BYTES, fetch
from cvcore.errors import DataError, LakesightError
from launch.serving import snippets
from panel_app.context import Context
from panel_app.data.choice import Choice
from panel_app.data.sets import of
from panel_app.forms.view import Notice
from panel_app.pages.base import heading
from panel_app.pages.playground.asking import reply
from panel_app.pages.playground.slot import Slot
from panel_app.playground import models, samples
from panel_app.playground.pictures import Picture, Pictures
from panel_app.views.answers import Answers
from panel_app.views.copy import Command
from panel_app.views.picture_source import PictureSource

log = logging.getLogger(__name__)

_CODE_TITLE = '<h2 style="font-size:15px;font-weight:650;margin:0">The same by curl and Python</h2>'
_LOOK_EVERY = 5
_MODELS_EVERY = 60


class PlaygroundPage:
    """See this module."""

    heading = "Playground"
    period_ms = 1_000

    def __init__(self, context: Context) -> None:
        """Build it, still empty."""
        self.context = context
        self.services = context.services
        self.sets = of(context.services)
        self.pictures = Pictures(context.services.media)
        self.picture: Picture | None = None
        self.threshold = ""
        self._found: models.Found | None = None
        self._ticks = 0
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._data: Choice | None = None
        self._sampled = ""
        self.a = Slot("a", "Model", "choose a model", self._chosen, self._pressed)
        self.b = Slot("b", "Beside it", "no second model", self._chosen, self._pressed)
        self.slots = (self.a, self.b)
        self.words = Notice(margin=(8, 10))
        self.source = PictureSource(
            self._given, max_bytes=MAX_BYTES, sizing_mode="stretch_width", margin=(10, 10)
        )
        self.answers = Answers(self._heard, sizing_mode="stretch_width", margin=(10, 10))
        self.code_title = pn.pane.HTML("", margin=(12, 10, 0, 10), visible=False)
        self.curl = Command(margin=(6, 10), sizing_mode="stretch_width")
        self.python = Command(margin=(6, 10), sizing_mode="stretch_width")
        choosers = [
            pn.Column(one.choice, one.action, styles={"flex": "1 1 300px"}) for one in self.slots
        ]
        self.choosers = pn.FlexBox(
            *choosers, gap="0 18px", sizing_mode="stretch_width", margin=(0, 10)
        )
        self.view = pn.Column(
            heading("Playground", "Give an image, see what a model says of it."),
            self.choosers,
            self.words,
            self.source,
            self.answers,
            self.code_title,
            self.curl,
            self.python,
            sizing_mode="stretch_width",
        )

    # ------------------------------------------------------------------ the address

    async def open(self, values: Mapping[str, str]) -> None:
        """Show the models and the image of an address."""
        self.threshold = values.get("threshold", "")
        self._found = await asyncio.to_thread(models.find, self.services)
        first = next((k for k, e in self._found.endpoints.items() if e.state.answers), "")
        self.a.take(values.get("a", "") or first)
        self.b.take(values.get("b", ""))
        key = values.get("image", "")
        if key and (self.picture is None or self.picture.key != key):
            try:
                self.picture, _ = await asyncio.to_thread(self.pictures.get, key)
                self.source.say("")
            except DataError as error:
                self.picture = None
                self.source.say(str(error), bad=True)
        self._ticks = 0
        self._send_threshold()
        self._met()

    async def refresh(self) -> None:
        """Look how the endpoints are: often while one is being built."""
        self._ticks += 1
        builds = any(s.endpoint and not s.endpoint.state.is_settled for s in self.slots)
        if self._found is None or (self._ticks % _LOOK_EVERY and not builds):
            return
        known = None if self._ticks % _MODELS_EVERY == 0 else self._found.models.values()
        self._found = await asyncio.to_thread(models.find, self.services, known)
        self._met()

    def leave(self) -> None:
        """Give the webcam back while another page is shown."""
        self.source.closed += 1

    def close(self) -> None:
        """Drop what is under way; endpoints go on."""
        for task in self._tasks.values():
            task.cancel()
        self.source.close()

    def _keep(self) -> None:
        image = "" if self.picture is None else self.picture.key
        chosen = {slot.key: slot.model for slot in self.slots}
        self.context.keep("playground", image=image, threshold=self.threshold, **chosen)

    # ------------------------------------------------------------------ what is shown

    def _met(self) -> None:
        """Show how the models are now, and ask those that can be asked and were not."""
        found = self._found
        if found is None:
            return
        for slot in self.slots:
            slot.meet(found)
        some = bool(found.endpoints or found.models)
        self.choosers.visible = some
        self._say(found)
        self._snippets()
        self._send()
        if any(self._is_due(slot) for slot in self.slots) and not self._is_busy("ask"):
            self._begin("ask", self._ask())
        if self.a.endpoint is not None and self._sampled != self.a.model:
            self._sampled = self.a.model
            self._begin("samples", self._sample())

    def _say(self, found: models.Found) -> None:
        if not found.endpoints and not found.models:
            self.words.say(
                "There is no model to ask yet",
                "Train one: Configure and Launch, or the demo on the page Train. A run with a best model "
                f"and every registered version can be asked here. {' '.join(found.faults)}".strip(),
            )
        elif found.faults:
            self.words.say("Not everything can be read now", " ".join(found.faults), "warning")
        elif not self.a.model:
            self.words.say(
                "Choose a model above", "Endpoints answer at once; others are deployed here."
            )
        else:
            self.words.say("")

    def _send(self) -> None:
        for slot in self.slots:
            if slot.model:
                why, bad = slot.why_not()
                if why:
                    slot.asked = ()
                    slot.say(why, bad=bad)
                elif self.picture is None:
                    slot.say("It is ready. Give an image above.")
        one = self.picture
        picture = None if one is None else {**one.__dict__, "url": self.pictures.url(one)}
        message: dict[str, Any] = {
            "picture": picture,
            "slots": [slot.message() for slot in self.slots if slot.model],
        }
        self.answers.tell(message)

    def _send_threshold(self) -> None:
        """Have the browser use the address's: when it is there, and when the address is another one."""
        threshold = float(self.threshold) if _is_score(self.threshold) else None
        self.answers.tell({"picture": None, "slots": [], "threshold": threshold})

    def _snippets(self) -> None:
        endpoint = self.a.endpoint
        there = endpoint is not None and bool(endpoint.url)
        if there and endpoint is not None:
            image = self.picture.title if self.picture else "image.jpg"
            self.code_title.object = _CODE_TITLE
            self.curl.text = snippets.curl(endpoint, image)
            self.python.text = snippets.python(endpoint, image)
        self.code_title.visible = self.curl.visible = self.python.visible = there

    # ------------------------------------------------------------------ asking

    def _is_due(self, slot: Slot) -> bool:
        endpoint = slot.endpoint
        if endpoint is None or not endpoint.state.answers or self.picture is None:
            return False
        served = tuple((one.name, one.share) for one in endpoint.served)
        return slot.asked != (self.picture.key, served)

    async def _ask(self) -> None:
        """Ask one after the other: two at once would make each other slow."""
        while due := [slot for slot in self.slots if self._is_due(slot)]:
            slot, picture = due[0], self.picture
            assert slot.endpoint is not None
            assert picture is not None
            served = tuple((one.name, one.share) for one in slot.endpoint.served)
            slot.asked = asked = (picture.key, served)
            slot.say(f"Asking {slot.title} ...")
            self._send()
            try:
                _, data = await asyncio.to_thread(self.pictures.get, picture.key)
                said = await asyncio.to_thread(reply, slot.model, data)
            except LakesightError as error:
                if slot.asked == asked:
                    slot.say(str(error), bad=True)
            else:
                if slot.asked == asked:
                    slot.answer(said)
            self._send()

    async def _sample(self) -> None:
        """Show a few images of the data set of the first model; of one that is not known, none."""
        endpoint, self._data = self.a.endpoint, None
        self.source.samples = {}
        if endpoint is None:
            return
        try:
            choice = await asyncio.to_thread(samples.data_of, self.services, self.sets, endpoint)
            index = await asyncio.to_thread(self.sets.index, choice)
            if index is None:
                self.source.samples = {"words": "reading the data set ..."}
                index = await asyncio.to_thread(samples.made, self.sets, choice)
            rows = await asyncio.to_thread(samples.rows, index)
        except LakesightError as error:
            self.source.samples = {"words": f"none: {error}"}
            return
        self._data = choice
        items = []
        for row in rows:
            split, place = index.place(row)
            url = self.sets.url("thumbnail", choice.key, row)
            items.append({"row": row, "url": url, "name": f"{split} image {place + 1}"})
        self.source.samples = {"items": items}

    # ------------------------------------------------------------------ what a person does

    def _chosen(self, _slot: Slot) -> None:
        self._keep()
        self._met()

    def _pressed(self, slot: Slot) -> None:
        if not self._is_busy("press"):
            self._begin("press", self._press(slot))

    async def _press(self, slot: Slot) -> None:
        does, key, found, user = slot.does, slot.model, self._found, self.context.user
        if found is None or not does:
            return
        slot.action.disabled = True
        try:
            if does == "deploy":
                slot.say("An endpoint is being made on this machine ...")
                self._send()
                model = found.models[key]
                key = await asyncio.to_thread(models.deploy, self.services, model, user)
            else:
                slot.say(f"It is asked to {does} ...")
                self._send()
                await asyncio.to_thread(models.switch, key, on=does == "start", user=user)
        except LakesightError as error:
            self.context.tell(str(error), "error")
        finally:
            slot.action.disabled = False
        self._found = await asyncio.to_thread(models.find, self.services, found.models.values())
        slot.take(key)
        slot.asked = ()
        self._keep()
        self._met()

    async def _given(self, message: dict[str, Any]) -> None:
        """Take an image that a person gave."""
        kind = message.get("type")
        if kind not in ("image", "url", "sample"):
            return
        try:
            data, title = await self._bytes(str(kind), message)
            picture = await asyncio.to_thread(self.pictures.keep, data, title)
        except LakesightError as error:
            self.source.say(str(error), bad=True)
            return
        size = f"{picture.width:,} x {picture.height:,} pixels, {len(data):,} bytes"
        self.source.say(f"{picture.title}: {size}")
        self.picture = picture
        for slot in self.slots:
            slot.asked = ()
        self._keep()
        self._met()

    async def _bytes(self, kind: str, message: Mapping[str, Any]) -> tuple[bytes, str]:
        if kind == "url":
            url = str(message.get("url", ""))
            return await asyncio.to_thread(fetch, url), url.partition("?")[0].rstrip("/")
        if kind == "sample":
            if self._data is None:
                raise DataError("the data set is not open any more. Reload the page.")
            row = int(message.get("row", -1))
            return await asyncio.to_thread(samples.read, self.sets, self._data, row)
        text = message.get("data")
        try:
            data = base64.b64decode(text if isinstance(text, str) else "", validate=True)
        except binascii.Error:
            raise DataError("the image did not come whole. Try again.") from None
        return data, str(message.get("name", ""))

    def _heard(self, message: dict[str, Any]) -> None:
        """Take what the browser says of the answers' view."""
        if message.get("type") == "ready":
            self._send_threshold()
            self._send()
        elif message.get("type") == "look":
            value = message.get("threshold")
            self.threshold = f"{value:g}" if isinstance(value, int | float) else ""
            self._keep()

    # ------------------------------------------------------------------ work

    def _is_busy(self, name: str) -> bool:
        task = self._tasks.get(name)
        return task is not None and not task.done()

    def _begin(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        if self._is_busy(name):
            self._tasks[name].cancel()
        self._tasks[name] = asyncio.get_running_loop().create_task(self._guarded(work))

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception as error:
            log.error("the page Playground has a fault", exc_info=error)
            self.context.tell("This page has a fault. The log of the app has it.", "error")


def _is_score(text: str) -> bool:
    try:
        return 0 <= float(text) <= 1
    except ValueError:
        return False
