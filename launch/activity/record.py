"""`recorded`: the block that does something, and its line in the activity log."""

from __future__ import annotations

import contextlib
import logging
import socket
import time
from collections.abc import Iterator
from contextvars import ContextVar

from cvcore.errors import LakesightError
from launch.account import account
from launch.activity.entry import ACTIONS, Entry
from launch.activity.log import ActivityLog

log = logging.getLogger(__name__)

_acting: ContextVar[str] = ContextVar("lakesight_acting", default="")


@contextlib.contextmanager
def acting(user: str) -> Iterator[None]:
    """Have what is done in this block be the deed of somebody: the app acts for many people."""
    token = _acting.set(user)
    try:
        yield
    finally:
        _acting.reset(token)


@contextlib.contextmanager
def recorded(action: str, subject: str, user: str = "") -> Iterator[dict[str, str]]:
    """Record what the block does, when it has ended; gives a dictionary for more words.

    What could not be done is recorded as refused, with the reason. A log that can't be written stops
    nobody: the fault is in the process's own log.

    Args:
        action: one of `ACTIONS`.
        subject: what it is done to.
        user: who; "": see `acting`, else the account of this process.
    """
    assert action in ACTIONS, action
    detail: dict[str, str] = {}
    try:
        yield detail
    except LakesightError as error:
        detail["error"] = str(error)[:500]
        _write(action, subject, user, "refused", detail)
        raise
    _write(action, subject, user, "done", detail)


def _write(action: str, subject: str, user: str, outcome: str, detail: dict[str, str]) -> None:
    who = user or _acting.get() or account()
    entry = Entry(time.time(), who, action, subject, outcome, detail, socket.gethostname())
    try:
        ActivityLog().add(entry)
    except Exception as error:  # noqa: BLE001 (an edge: the deed is done, its record must not undo it)
        log.warning("not in the activity log: %s %s by %s: %s", action, subject, who, error)
