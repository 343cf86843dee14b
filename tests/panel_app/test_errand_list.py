"""What a page is told of work that other processes do."""

import asyncio
import time
from dataclasses import replace

from panel_app.errands.files import Errand, ErrandState, Request
from panel_app.views.errand_list import ErrandList


class Found:
    """Errands as they are found, one look after the other."""

    def __init__(self) -> None:
        self.now: list[Errand] = []

    def all(self, *kinds: str) -> list[Errand]:
        return [one for one in self.now if one.request.kind in kinds]


def errand(name: str, state: ErrandState = ErrandState.DONE) -> Errand:
    request = Request("promote", {}, subject="cells", title=name, command="", user="ada", at=0.0)
    ended_at = 0.0 if state is ErrandState.RUNNING else time.time()
    return Errand(name, request, state, ended_at=ended_at)


def test_each_end_is_told_once_however_quick_it_was() -> None:
    found, ended = Found(), []
    shown = ErrandList(
        found, ("promote",), lambda one: (one.id, ""), lambda one: ended.append(one.id)
    )
    slow = errand("slow", ErrandState.RUNNING)

    def look(*errands: Errand) -> list[str]:
        found.now = list(errands)
        asyncio.run(shown.refresh())
        told, ended[:] = list(ended), []
        return told

    old = errand("old")
    assert look(old) == []
    assert look(slow, old) == []
    # This one began and ended between two looks.
    assert look(errand("quick"), slow, old) == ["quick"]
    done = replace(slow, state=ErrandState.DONE, ended_at=time.time())
    assert look(errand("quick"), done, old) == ["slow"]
    assert look(errand("quick"), done, old) == []
    assert [one["id"] for one in shown.view.items] == ["quick", "slow", "old"]
