"""What somebody asked to be done: in a thread, and to its end even when the app is asked to end meanwhile."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import ParamSpec, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")

_changed = threading.Condition()
_under_way = 0


async def do(work: Callable[_P, _T], *arguments: _P.args, **named: _P.kwargs) -> _T:
    """Return what a call returns that changes something; as `asyncio.to_thread`, but an end of the app waits.

    A run that is being handed over would else be in the ledger, and nobody would ever start it.
    """
    global _under_way

    def done() -> _T:
        global _under_way
        try:
            return work(*arguments, **named)
        finally:
            with _changed:
                _under_way -= 1
                _changed.notify_all()

    with _changed:
        _under_way += 1
    return await asyncio.to_thread(done)


def wait(longest_s: float) -> bool:
    """Wait until nothing is under way; return whether that came in time. Blocking.

    Args:
        longest_s: at most so long, seconds.
    """
    with _changed:
        return _changed.wait_for(lambda: not _under_way, longest_s)
