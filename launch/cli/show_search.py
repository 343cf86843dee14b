"""Shows the log of a search: one line a trial."""

from __future__ import annotations

import sys

from launch.base import RunState
from launch.clock import Clock, SystemClock
from launch.errors import LaunchError
from launch.ledger import Ledger
from launch.ledger_run import LedgerRun
from launch.search.plan import folder_of
from launch.search.start import LOG
from launch.watch import Watch

_LOOK_S = 2.0


def show(ledger: Ledger, run: LedgerRun, *, follow: bool, clock: Clock | None = None) -> int | None:
    """Print what a search has written, with `follow` until it ends; return 0, or 1 if it failed.

    Ctrl-C leaves the search alone: it says so and returns None.

    Raises:
        LaunchError: its log is not on this machine.
    """
    clock, path, short = clock or SystemClock(), folder_of(run) / LOG, run.run_id[:8]
    try:
        file = path.open(encoding="utf-8", errors="replace")
    except OSError as error:
        raise LaunchError(
            f"the log of {run.title}, {path}, is not on this machine. lakesight runs shows its trials."
        ) from error
    with file:
        try:
            while True:
                state = _state(ledger, run) if follow else RunState.SUCCEEDED
                sys.stdout.write(file.read())
                sys.stdout.flush()
                if state.is_final:
                    return 0 if state is RunState.SUCCEEDED else 1
                clock.sleep(_LOOK_S)
        except KeyboardInterrupt:
            print(
                f"\ndetached; {run.title} goes on. Watch: lakesight logs -f {short}. "
                f"Stop: lakesight cancel {short}.",
                file=sys.stderr,
            )
            return None


def _state(ledger: Ledger, run: LedgerRun) -> RunState:
    now = ledger.get(run.run_id)
    return Watch(ledger).look([now])[run.run_id].state
