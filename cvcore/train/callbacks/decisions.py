"""Decisions of time and of signals, taken by all processes at the same step."""

from __future__ import annotations

import logging
import time
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from cvcore.config.schema import TrainerConf
from cvcore.train import distributed
from cvcore.train.signals import StopRequest

log = logging.getLogger(__name__)


class Decisions(TrainerCallback):
    """Saves by time, stops at the time budget, saves and stops on a signal.

    After each step the processes exchange three flags over the CPU, so that none saves or stops alone.

    Attributes:
        stopped_by: "time_budget" or "signal" once that is the reason to stop, else None.
        evaluation_due: a signal put the evaluation of this step off; the resumed run makes up for it.
    """

    def __init__(self, conf: TrainerConf, request: StopRequest, spent_s: float = 0.0) -> None:
        """Take the intervals.

        Args:
            conf: `save_interval_s`, `time_budget_s`.
            request: set by signals.
            spent_s: training time of earlier processes of this run, seconds.
        """
        self.conf = conf
        self.request = request
        self.stopped_by: str | None = None
        self.evaluation_due = False
        self._spent_s = spent_s
        self._started = self._saved = time.monotonic()

    @property
    def spent_s(self) -> float:
        """Training time of this run so far, seconds."""
        return self._spent_s + time.monotonic() - self._started

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        """Start the clocks."""
        self._started = self._saved = time.monotonic()

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> TrainerControl:
        """Decide after a step, before HF logs, evaluates and saves."""
        budget = self.conf.time_budget_s
        stop, over, due = distributed.any_of(
            self.request.signal is not None,
            budget is not None and self.spent_s >= budget,
            time.monotonic() - self._saved >= self.conf.save_interval_s,
        )
        if stop:
            log.info("stopping on a signal: saving step %d", state.global_step)
            self.stopped_by = "signal"
            # Who sends a signal may not wait for an evaluation.
            self.evaluation_due = control.should_evaluate
            control.should_evaluate = False
            control.should_save = control.should_training_stop = True
        elif over and state.global_step < state.max_steps:
            log.info("the time budget of %.0f s is used up", budget)
            self.stopped_by = "time_budget"
            control.should_evaluate = control.should_save = control.should_training_stop = True
        elif due:
            control.should_save = True
        return control

    def on_save(self, *_: Any, **__: Any) -> None:
        """Start the time to the next save anew."""
        self._saved = time.monotonic()
