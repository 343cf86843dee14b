"""Shows a run's output as it comes, until it has ended or the reader has seen enough."""

from __future__ import annotations

import sys
from typing import TextIO

from launch.base import Launcher, RunHandle, RunState, RunStatus
from launch.clock import Clock, SystemClock

_POLL_S = 0.5


def follow(
    launcher: Launcher,
    handle: RunHandle,
    title: str,
    *,
    clock: Clock | None = None,
    out: TextIO | None = None,
) -> int | None:
    """Print a run's output until its end; return 0 if it succeeded, 1 otherwise.

    Ctrl-C leaves the run alone: it says so and returns None.
    """
    clock, out = clock or SystemClock(), out or sys.stdout
    cursor, said = 0, ""
    short = handle.run_id[:8]
    try:
        while True:
            status = launcher.poll([handle]).get(handle.run_id)
            final = status is not None and status.state.is_final
            while True:
                text, cursor = launcher.logs(handle, cursor)
                if not text:
                    break
                out.write(text)
                out.flush()
            if status is not None and final:
                print(ending(status, title, short), file=sys.stderr)
                return 0 if status.state is RunState.SUCCEEDED else 1
            now = "" if status is None else f"{status.state}: {status.reason}"
            if status is not None and status.reason and now != said:
                print(now, file=sys.stderr)
                said = now
            clock.sleep(_POLL_S)
    except KeyboardInterrupt:
        print(
            f"\ndetached; {title} goes on. Watch: lakesight logs -f {short}. "
            f"Stop: lakesight cancel {short}.",
            file=sys.stderr,
        )
        return None


def ending(status: RunStatus, title: str, short: str) -> str:
    """Return the last line: how it ended, why, and what to do next."""
    if status.state is RunState.SUCCEEDED:
        return f"{title}: SUCCEEDED"
    why = f": {status.reason}" if status.reason else ""
    return f"{title}: {status.state}{why}\nGo on with it: lakesight resume {short}"
