"""Submits the trials of a search one after the other: `python -m launch.search RUN_ID`.

All it knows it reads from the ledger at each look, so that it may be killed and started again.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from cvcore.config.composer import Composer
from cvcore.config.overrides import assign
from cvcore.errors import ConfigError, LakesightError
from launch.base import RunState, RunStatus
from launch.clock import Clock, SystemClock
from launch.errors import LaunchError, SubmitError
from launch.launchers import get_launcher
from launch.ledger import Ledger
from launch.ledger_run import LedgerRun
from launch.search.plan import Plan, folder_of, plan_of
from launch.search.space import Space, read
from launch.search.suggest import suggest
from launch.search.trials import MOST_RUNS, TRIAL, Trial, best_of, ending, trial, trials_of
from launch.submit import GetLauncher, Submitter
from launch.watch import Watch

_LOOK_S = 2.0
_LONGEST_S = 60.0


class Driver:
    """Goes on with one search until it has ended."""

    def __init__(
        self,
        ledger: Ledger,
        run_id: str,
        launchers: GetLauncher = get_launcher,
        clock: Clock | None = None,
        tell: Callable[[str], None] = print,
    ) -> None:
        """Take the ledger and the id of the search's parent.

        Raises:
            LakesightError: it is no search, or its overrides can't be read.
        """
        self.ledger = ledger
        self.run_id = run_id
        self.clock = clock or SystemClock()
        self.tell = tell
        parent = ledger.get(run_id)
        self.plan: Plan = plan_of(parent)
        self.space: Space = read(self.plan.overrides, Composer())
        self._launchers = launchers
        self._submitter = Submitter(launchers, self.clock, user=parent.user)
        self._watch = Watch(ledger, launchers, self.clock)
        self._said: dict[str, str] = {}

    def run(self) -> RunStatus:
        """Look and submit until the search has ended; return how."""
        pause_s = _LOOK_S
        while True:
            try:
                status = self.step()
                pause_s = _LOOK_S
            except LaunchError as error:
                self.tell(f"looks again in {pause_s:.0f} s: {error}")
                status, pause_s = None, min(pause_s * 2, _LONGEST_S)
            if status is not None:
                return status
            self.clock.sleep(pause_s)

    def step(self) -> RunStatus | None:
        """Look once and submit what is due; return how the search ended, None if it goes on.

        Raises:
            LaunchError: the ledger does not answer; nothing is lost.
        """
        parent = self.ledger.get(self.run_id)
        if self._is_canceled():
            self.tell("canceled by a person")
            return parent.status
        trials = self._trials()
        status = ending(self.plan, trials, self.clock.now())
        if status is not None:
            return self._end(status)
        counted = [one for one in trials if one.state is not RunState.CANCELED]
        open_ = sum(not one.state.is_final for one in counted)
        room = min(self.plan.parallel - open_, self.plan.trials - len(counted))
        for _ in range(room):
            try:
                trials.append(self._submit(parent, trials))
            except SubmitError as error:
                self.tell(f"a trial was refused: {error}")
                if len(self._trials()) > len(trials):
                    break  # it is in the ledger as a trial that failed
                return self._end(RunStatus(RunState.FAILED, str(error), ended_at=self.clock.now()))
        return None

    def _trials(self) -> list[Trial]:
        runs = trials_of(self.ledger.runs(limit=MOST_RUNS), self.run_id)
        states = self._watch.look(runs)
        trials = []
        for run in runs:
            one = trial(self.ledger, self.plan, run, states[run.run_id].state)
            trials.append(one)
            self._report(one, states[run.run_id].reason)
        return trials

    def _submit(self, parent: LedgerRun, trials: list[Trial]) -> Trial:
        values = suggest(self.plan, self.space, trials)
        number = max((one.number for one in trials), default=-1) + 1
        overrides = [
            *self.space.overrides(values),
            assign("run.dir", str(folder_of(parent) / str(number))),
            assign("run.title", f"{parent.title}-{number}"),
        ]
        try:
            self._submitter.composer.load(overrides)
        except LakesightError as error:
            raise SubmitError(f"these values can't be run together. {error}") from error
        tag = {TRIAL: json.dumps({"number": number, "values": values})}
        try:
            done = self._submitter.submit(overrides, parent.run_id, tag)
        except ConfigError as error:  # the ledger is away: the configuration was looked at
            raise LaunchError(str(error)) from error
        if self._is_canceled():  # a moment too late to be seen by who canceled
            self._launchers(done.handle.launcher).cancel(done.handle)
        run = self.ledger.get(done.handle.run_id)
        one = Trial(run, number, values, RunState.PENDING)
        self._report(one, "")
        return one

    def _is_canceled(self) -> bool:
        return self.ledger.get(self.run_id).status.state is RunState.CANCELED

    def _report(self, one: Trial, more: str) -> None:
        known = self._said.get(one.run.run_id)
        if known == one.state or (known and not one.state.is_final):
            return
        self._said[one.run.run_id] = one.state
        value = "" if one.value is None else f"  {self.plan.metric} {one.value:.6g}"
        state = one.state if one.state.is_final else "submitted"
        chosen = " ".join(
            dimension.text(one.values[dimension.key])
            for dimension in self.space.varied
            if dimension.key in one.values
        )
        self.tell(f"{one.run.title}  {state}{value}  {chosen}  {more}".rstrip())

    def _end(self, status: RunStatus) -> RunStatus:
        self.ledger.settle(self.run_id, status)
        self.tell(f"{status.state}: {status.reason}")
        best = best_of(self.plan, self._trials())
        if best is not None:
            self.tell(f"train it again, longer: lakesight rerun {best.run.run_id[:8]} ...")
        return status
