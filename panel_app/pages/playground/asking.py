"""Asks an endpoint about an image and says it as the browser shows it. Blocking."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from launch.serving.ask import Answers, ask
from launch.serving.types import RequestRefused
from panel_app.playground.drawing import drawing
from panel_app.playground.facts import Facts, facts_of
from panel_app.playground.models import place_of

_TOO_MUCH = "the answer has"
"""How the sentence begins with which a model refuses more than an endpoint may give."""


@dataclass(frozen=True)
class Reply:
    """What an endpoint said of an image.

    Attributes:
        item: as it is drawn.
        answer: itself.
        time: in words.
    """

    item: dict[str, Any]
    answer: dict[str, Any]
    time: str


def reply(key: str, image: bytes) -> Reply:
    """Return what an endpoint says of an image: objects from a low score on, to be sifted later.

    Args:
        key: of the endpoint.
        image: encoded.

    Raises:
        LakesightError: it refuses the image, does not answer, or is no model of ours.
    """
    endpoints, name = place_of(key)
    endpoint = endpoints.get(name)
    facts = facts_of(endpoints, endpoint)
    note = ""
    try:
        got = ask(endpoints, name, [image], facts.floor, "rle")
    except RequestRefused as error:
        if _TOO_MUCH not in str(error):
            raise
        got = ask(endpoints, name, [image], None, "rle")
        note = (
            "; only what the model shows by itself: all of it would be more than an answer may be"
        )
        facts = Facts(facts.task, facts.colours, facts.threshold, facts.class_thresholds)
    if got.served and len(endpoint.served) > 1:
        facts = facts_of(endpoints, endpoint, got.served)
    return Reply(drawing(got.answers[0], facts), got.answers[0], _time(got) + note)


def _time(got: Answers) -> str:
    total, sizes = got.seconds, f"sent {_size(got.sent_bytes)}, got {_size(got.answer_bytes)}"
    who = f"; answered by {got.served}" if got.served else ""
    if got.model_s is None:
        return f"{_ms(total)} from sending to the whole answer; {sizes}{who}"
    rest = max(total - got.model_s, 0.0)
    return f"{_ms(total)}: model {_ms(got.model_s)}, network {_ms(rest)}; {sizes}{who}"


def _ms(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 10 else f"{1000 * seconds:,.0f} ms"


def _size(number: int) -> str:
    return f"{number:,} bytes" if number < 1000 else f"{number / 1000:,.0f} kB"
