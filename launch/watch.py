"""Brings together what launchers know and what the ledger says: one poll per launcher, then settled.

Nothing here remembers anything: whoever looks at the runs reconciles them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from launch.base import Launcher, RunState, RunStatus
from launch.clock import Clock, SystemClock
from launch.errors import LaunchError
from launch.launchers import get_launcher
from launch.ledger import Ledger
from launch.ledger_run import LedgerRun
from launch.search.plan import is_search
from launch.tags import SWEEP

log = logging.getLogger(__name__)

_HANDING_OVER_S = 120.0
"""A run without an external id may be just about to be submitted."""
_MOST = 10_000


class Watch:
    """Says how runs are, and closes in the ledger what has ended elsewhere."""

    def __init__(
        self,
        ledger: Ledger,
        launchers: Callable[[str], Launcher] = get_launcher,
        clock: Clock | None = None,
    ) -> None:
        """Take what it works with.

        Args:
            ledger: that has the runs.
            launchers: returns the launcher of a kind.
            clock: gives the time; None: this machine's.
        """
        self.ledger = ledger
        self.launchers = launchers
        self.clock = clock or SystemClock()

    def look(self, runs: Sequence[LedgerRun]) -> dict[str, RunStatus]:
        """Return the status of each run by its id; runs that ended are settled in the ledger.

        A launcher that can't be asked changes nothing: its runs are as the ledger has them.
        """
        found = {run.run_id: run.status for run in runs}
        open_runs = [run for run in runs if not run.is_settled and not run.is_sweep]
        for kind in dict.fromkeys(run.handle.launcher for run in open_runs):
            mine = [run for run in open_runs if run.handle.launcher == kind]
            found |= self._poll(kind, mine)
        for run in open_runs:
            if found[run.run_id].state.is_final and found[run.run_id] is not run.status:
                self._settle(run, found[run.run_id])
        for run in runs:
            if run.is_sweep and not run.is_settled:
                found[run.run_id] = self._sweep(run, runs, found)
        return found

    def _poll(self, kind: str, runs: list[LedgerRun]) -> dict[str, RunStatus]:
        asked = [run for run in runs if not self._is_new(run)]
        try:
            statuses = self.launchers(kind).poll([run.handle for run in asked])
        except Exception as error:  # noqa: BLE001 (an edge: one platform's outage hides no other run)
            log.warning("the %s launcher can't be asked now: %s", kind, error)
            return {}
        told = {}
        for run in asked:
            status = statuses.get(run.run_id)
            if status is not None:
                at = status.submitted_at or run.submitted_at
                told[run.run_id] = replace(status, submitted_at=at)
            elif not run.status.state.is_final:
                told[run.run_id] = replace(run.status, reason="on another machine")
        return told

    def _is_new(self, run: LedgerRun) -> bool:
        age_s = self.clock.now() - run.submitted_at
        return not run.handle.external_id and age_s < _HANDING_OVER_S

    def _settle(self, run: LedgerRun, status: RunStatus) -> None:
        try:
            if status.state is RunState.SUCCEEDED:
                deliver(Path(run.handle.folder))
            self.ledger.settle(run.run_id, status)
        except LaunchError as error:
            log.warning("run %s stays open in the ledger: %s", run.run_id[:8], error)

    def _sweep(
        self, sweep: LedgerRun, runs: Sequence[LedgerRun], found: dict[str, RunStatus]
    ) -> RunStatus:
        """Return how a sweep is: over when all of its runs are."""
        children = [run for run in runs if run.parent == sweep.run_id]
        states = [found[run.run_id].state for run in children]
        total = int(sweep.tags.get(SWEEP, "0"))
        done = sum(state is RunState.SUCCEEDED for state in states)
        text = f"{done} of {total} runs succeeded"
        ended = all(state.is_final for state in states)
        searched = is_search(sweep)
        if ended and (searched or len(children) < total):
            stopped = self._stopped(sweep)
            ended, text = bool(stopped), stopped or text
        if not ended:
            running = any(state is not RunState.QUEUED for state in states)
            state = RunState.RUNNING if running else RunState.QUEUED
            return replace(sweep.status, state=state, reason=text)
        state = RunState.SUCCEEDED if done == total and not searched else RunState.FAILED
        status = replace(sweep.status, state=state, reason=text, ended_at=self.clock.now())
        try:
            self.ledger.settle(sweep.run_id, status)
        except LaunchError as error:
            log.warning("sweep %s stays open in the ledger: %s", sweep.run_id[:8], error)
        return status

    def _stopped(self, sweep: LedgerRun) -> str:
        """Return why no more runs of a sweep are coming; "" if they may be.

        Who submits them has ended when nothing has happened for a while. The runs are read anew: a
        caller may have given only some.
        """
        try:
            runs = [r for r in self.ledger.runs(limit=_MOST) if r.parent == sweep.run_id]
        except LaunchError:
            return ""
        if any(not run.is_settled for run in runs):
            return ""
        times = [sweep.submitted_at, *(run.submitted_at for run in runs)]
        times += [run.status.ended_at for run in runs if run.status.ended_at is not None]
        if self.clock.now() - max(times) < _HANDING_OVER_S:
            return ""
        total = int(sweep.tags.get(SWEEP, "0"))
        if is_search(sweep):
            again = f"go on with it: lakesight resume {sweep.run_id[:8]}"
            return f"the search stopped after {len(runs)} of {total} trials; {again}"
        if len(runs) >= total:
            return ""
        return f"only {len(runs)} of {total} runs were submitted; submit the others anew"


def deliver(run_dir: Path) -> None:
    """Bring what a training could not deliver (the server was away) to its MLflow run.

    Raises:
        LaunchError: the server does not take it now.
    """
    from cvcore.metrics.delivery import Delivery
    from cvcore.metrics.mlflow_run import identity_of

    identity = identity_of(run_dir)
    if identity is None or not (run_dir / "spool").is_dir():
        return
    try:
        delivery = Delivery(run_dir, identity.uri, identity.run_id)
        while delivery.step():
            pass
    except Exception as error:
        raise LaunchError(f"the metrics of {run_dir} can't be delivered now: {error}") from error
