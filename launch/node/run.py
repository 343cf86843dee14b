"""A run on its node, from its spec to its outcome."""

from __future__ import annotations

import logging
import os
import re
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from cvcore.data.places import localise
from cvcore.errors import LakesightError
from cvcore.metrics.delivery import SPOOL_ONLY
from launch.base import ATTEMPT_VARIABLE, RUN_ID_VARIABLE, RunState
from launch.clock import Clock
from launch.node import causes, prepare
from launch.node.command import SPARK, command, num_devices
from launch.node.delivery import Courier
from launch.node.layout import NodeSpec
from launch.node.log import LogParts
from launch.node.process import Processes, Sink
from launch.node.status import StatusFile

_log = logging.getLogger(__name__)

CANCELED = "canceled by a person"
USER_FAULT = 2
_LOOK_S = 1.0
_DELIVERY_S = 120.0
_UNDELIVERED = 75
# What a rank needs no longer, and a log or a crash could show.
_SECRET = re.compile(r"(DATABRICKS|MLFLOW_TRACKING)_\w*(TOKEN|SECRET|PASSWORD)")


@dataclass(frozen=True)
class Outcome:
    """How a run ended: its state, a sentence, the exit code of its last attempt."""

    state: RunState
    reason: str
    code: int


class NodeRun:
    """One run on this node; `run` is all of it."""

    def __init__(self, spec: NodeSpec, job_run_id: str, clock: Clock) -> None:
        """Take what is to run.

        Args:
            spec: as the submitter wrote it.
            job_run_id: the platform's run; "" where there is none.
            clock: tells and passes time.
        """
        self.spec = spec
        self.clock = clock
        self.status = StatusFile(spec, job_run_id, clock)
        self.folder = prepare.local_folder(spec)
        self._evicted = threading.Event()
        self._looked_at = 0.0
        self._canceled = False
        self._deadline: float | None = None
        self._timed_out = False

    def run(self) -> Outcome:
        """Try until it ends well, is the user's fault, is canceled, or was tried often enough."""
        known = self._known()
        if known is not None:
            return known
        parts = LogParts(localise(self.spec.folder.logs), self.spec.log_interval_s)
        sink = Sink(self.folder / "output.log", parts.write)
        try:
            with self._signals():
                outcome = self._attempts(sink)
            # Not the reason: it is a line of this log, or for the status.
            sink.note(f"{outcome.state}, exit code {outcome.code}")
        finally:
            sink.close()
            parts.close()
        self._say(outcome)
        return outcome

    def _known(self) -> Outcome | None:
        """Return how it ended before this node began: nothing is left to do."""
        now = self.status.current
        if now.state.is_final:
            return Outcome(now.state, now.reason, now.exit_code or 0)
        outcome = None
        if self.status.is_canceled():
            outcome = Outcome(RunState.CANCELED, CANCELED, 143)
        elif now.attempt > self.spec.run.max_retries:
            # Every attempt counts, also one whose node was lost before it could say anything.
            reason = (
                f"the node of attempt {now.attempt} was lost (a spot machine taken back, or a "
                f"failed one), and compute.max_retries={self.spec.run.max_retries} allows no more. "
                "The newest checkpoint is kept: resume the run to go on."
            )
            outcome = Outcome(RunState.FAILED, reason, 1)
        if outcome is not None:
            self._say(outcome)
        return outcome

    def _say(self, outcome: Outcome) -> None:
        if self._evicted.is_set() and not outcome.state.is_final:
            self.status.say(RunState.QUEUED, reason=outcome.reason)
            return
        self.status.say(outcome.state, reason=outcome.reason, exit_code=outcome.code)

    def _attempts(self, sink: Sink) -> Outcome:
        try:
            prepare.fetch(self.spec)
        except LakesightError as error:
            return Outcome(RunState.FAILED, str(error), USER_FAULT)
        while True:
            number = self.status.current.attempt + 1
            self.status.say(
                RunState.RUNNING, reason="", attempt=number, started_at=self.clock.now()
            )
            if number > 1:
                sink.note(f"attempt {number}")
            outcome = self._attempt(number, sink)
            again = number <= self.spec.run.max_retries
            if self._evicted.is_set() and outcome.state is RunState.FAILED:
                return Outcome(RunState.QUEUED, "the platform stopped the node", outcome.code)
            if outcome.state is not RunState.FAILED or outcome.code == USER_FAULT or not again:
                return outcome
            if self._timed_out:
                return outcome
            why = (
                f"{outcome.reason} Attempt {number + 1} of {self.spec.run.max_retries + 1} follows."
            )
            sink.note(f"attempt {number} ended with exit code {outcome.code}, another one follows")
            self.status.say(RunState.QUEUED, reason=why, exit_code=outcome.code)

    def _attempt(self, number: int, sink: Sink) -> Outcome:
        spec, folder = self.spec, self.folder
        devices = num_devices(spec)
        training = prepare.is_training(spec)
        try:
            if training:
                prepare.adapt(spec, folder, number, devices * spec.num_nodes)
        except LakesightError as error:
            return Outcome(RunState.FAILED, str(error), USER_FAULT)
        try:
            if prepare.is_evaluation(spec):
                prepare.bring_model(spec, folder)
        except (LakesightError, OSError) as error:
            # The submitter has seen that the model is there: another attempt may get it.
            return Outcome(RunState.FAILED, str(error), 1)
        prepare.clear(folder)
        limit_s = spec.run.timeout_s
        self._deadline = None if limit_s is None else self.clock.now() + limit_s
        mark = sink.mark()
        try:
            code = self._processes(number, devices, sink, training)
        except OSError as error:
            return Outcome(RunState.FAILED, f"it can't be started: {error}", 1)
        if training and code == 0 and not prepare.has_ended_well(folder, code):
            code = 1
        if code > 192:  # DeepSpeed's launcher gives minus the signal, as a byte
            code = 128 + 256 - code
        if code == 0:
            return Outcome(RunState.SUCCEEDED, "", 0)
        if self._canceled:
            return Outcome(RunState.CANCELED, CANCELED, code)
        if self._timed_out:
            reason = f"it took longer than its limit of {limit_s:g} s; its checkpoints are kept."
            return Outcome(RunState.FAILED, reason, code)
        reason = causes.sentence(sink.since(mark), folder if training else None, code)
        return Outcome(RunState.FAILED, reason, code)

    def _processes(self, number: int, devices: int, sink: Sink, training: bool) -> int:
        spools = training or prepare.is_evaluation(self.spec)
        environment = self._environment(number, spools)
        courier, left = None, 0
        if spools and self.spec.run.tracking_uri:
            courier = Courier(self.folder, self.spec.run.tracking_uri, self.spec.run.run_id)
        try:
            if self.spec.num_nodes > 1 and training:
                from launch.node.distributor import train_on_all

                return train_on_all(self.spec, self.folder, number, sink, self._must_stop)
            if self.spec.run.module == SPARK:
                from launch.node import spark

                return spark.run_here(self.spec, self.folder, sink, self._must_stop)
            words = command(self.spec, self.folder, devices)
            processes = Processes(words, environment, self.folder, sink.write)
            code = processes.wait(self._must_stop, self.spec.run.cancel_grace_s, self.clock)
        finally:
            if courier is not None:
                left = courier.close(_DELIVERY_S)
        if left and not training and code == 0:
            # A training's files are on the Volume too; a report is nowhere else.
            sink.write(f"error: MLflow did not take {left} parts of the report\n".encode())
            return _UNDELIVERED
        return code

    def _environment(self, number: int, spools: bool) -> dict[str, str]:
        outer = dict(os.environ)
        if spools:
            # The courier has them.
            outer = {k: v for k, v in outer.items() if not _SECRET.fullmatch(k)}
            outer[SPOOL_ONLY] = "1"
        return {
            **outer,
            "TORCH_NCCL_ASYNC_ERROR_HANDLING": outer.get("TORCH_NCCL_ASYNC_ERROR_HANDLING", "1"),
            **self.spec.run.environment,
            RUN_ID_VARIABLE: self.spec.run.run_id,
            ATTEMPT_VARIABLE: str(number),
        }

    def _must_stop(self) -> bool:
        """Whether the run is to end now; looks at the Volume once a second."""
        now = self.clock.now()
        if self._deadline is not None and now > self._deadline:
            self._timed_out = True
        if now - self._looked_at >= _LOOK_S:
            self._looked_at = now
            self._canceled = self._canceled or self.status.is_canceled()
            self.status.still_alive()
        return self._canceled or self._timed_out or self._evicted.is_set()

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """Take SIGTERM: the platform stops the node."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def take(_number: int, _frame: FrameType | None) -> None:
            self._evicted.set()

        former: Callable[..., Any] | int | None = signal.signal(signal.SIGTERM, take)
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, former)


def read_spec(path: str) -> NodeSpec:
    """Return the spec that a job was given.

    Raises:
        LakesightError: it can't be read.
    """
    from launch.errors import LaunchError
    from launch.node.status import read_json

    values = read_json(Path(localise(path))) if path else None
    if values is None:
        raise LaunchError(
            f"the run's spec {path or '(none was given)'} can't be read. Start the job by `lakesight "
            "submit`, which writes it, and grant READ VOLUME on the Volume to whom the job runs as."
        )
    return NodeSpec.from_dict(values)
