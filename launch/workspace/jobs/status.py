"""The state of a run or task, in the new shape (`status`) and the deprecated one (`state`)."""

from __future__ import annotations

import time
from typing import Any

Doc = dict[str, Any]
FINAL = frozenset({"TERMINATED", "SKIPPED", "INTERNAL_ERROR"})
_NEW = {"SKIPPED": "TERMINATED", "INTERNAL_ERROR": "TERMINATED", "WAITING_FOR_RETRY": "WAITING"}


def now_ms() -> int:
    """Milliseconds since 1970."""
    return int(time.time() * 1000)


def life(doc: Doc) -> str:
    """Return the deprecated life cycle state, the finer of the two."""
    return str(doc["state"]["life_cycle_state"])


def is_final(doc: Doc) -> bool:
    """Whether this run or task has ended."""
    return life(doc) in FINAL


def succeeded(doc: Doc) -> bool:
    """Whether it has ended well."""
    return doc["state"].get("result_state") == "SUCCESS"


def enter(doc: Doc, state: str, message: str = "", queue_code: str = "") -> None:
    """Put it in a state that is not the end."""
    doc["state"] = {"life_cycle_state": state, "state_message": message}
    doc["state"]["user_cancelled_or_timedout"] = False
    doc["status"] = {"state": _NEW.get(state, state)}
    if queue_code:
        doc["state"]["queue_reason"] = message
        doc["status"]["queue_details"] = {"code": queue_code, "message": message}


def finish(
    doc: Doc, state: str, result: str, code: str, kind: str = "SUCCESS", message: str = ""
) -> None:
    """End it: state TERMINATED, SKIPPED or INTERNAL_ERROR, its result and the details."""
    end = now_ms()
    doc["state"] = {
        "life_cycle_state": state,
        "result_state": result,
        "state_message": message,
        "user_cancelled_or_timedout": result in ("CANCELED", "TIMEDOUT"),
    }
    details = {"code": code, "type": kind, "message": message}
    doc["status"] = {"state": _NEW.get(state, state), "termination_details": details}
    doc["end_time"] = end
    doc["cleanup_duration"] = 0
    started = doc.get("_running_at", end)
    doc["setup_duration"] = max(0, started - doc["start_time"])
    doc["execution_duration"] = max(0, end - started)
    doc["run_duration"] = end - doc["start_time"]


def public(doc: Doc) -> Doc:
    """Return it without what only the double knows (keys that start with an underscore)."""
    shown = {key: value for key, value in doc.items() if not key.startswith("_")}
    if "tasks" in shown:
        shown["tasks"] = [public(task) for task in shown["tasks"]]
    return shown
