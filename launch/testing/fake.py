"""A launcher in memory: no process, no file; for tests of what uses a launcher.

It runs `launch.testing.payload` in the mind, and anything else as `FakePlatform.words` say. Time
is the platform's clock, so with a `FakeClock` a night passes in no time.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from launch.base import RunHandle, RunSpec, RunState, RunStatus
from launch.clock import Clock
from launch.errors import SubmitError, UnknownRun
from launch.testing.clock import FakeClock
from launch.testing.payload import MODULE, code_of, duration_s, said

_REFUSED = 2


@dataclass
class _Job:
    spec: RunSpec
    status: RunStatus
    log: str = ""
    until: float = 0.0


@dataclass
class FakePlatform:
    """What outlives a `FakeLauncher`: the runs, as a cluster or a disk would keep them.

    Attributes:
        clock: its time.
        num_slots: runs at once.
        queue_s: how long the platform prepares a run before it is queued, seconds.
        words: what a run does that is not a payload, in a payload's words.
        refuse: if set, `submit` is refused with this sentence.
    """

    clock: Clock = field(default_factory=FakeClock)
    num_slots: int = 1
    queue_s: float = 0.0
    words: tuple[str, ...] = ("succeed",)
    refuse: str = ""
    jobs: dict[str, _Job] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def lose(self, run_id: str) -> None:
        """Forget how a run ended, as when a machine is gone."""
        with self.lock:
            job = self.jobs[run_id]
            why = "the platform no longer knows the run"
            job.status = replace(
                job.status, state=RunState.LOST, reason=why, ended_at=self.clock.now()
            )

    def step(self) -> None:
        """Bring every run to where it is at the clock's time."""
        now = self.clock.now()
        for job in self.jobs.values():
            self._advance(job, now)

    def _advance(self, job: _Job, now: float) -> None:
        submitted = job.status.submitted_at or 0.0
        if job.status.state is RunState.PENDING and now >= submitted + self.queue_s:
            job.status = replace(job.status, state=RunState.QUEUED, reason="waits for a slot")
        if job.status.state is RunState.QUEUED and self._running() < self.num_slots:
            self._start(job, now)
        while job.status.state is RunState.RUNNING and now >= job.until:
            self._end(job, now)

    def _words(self, job: _Job) -> tuple[str, ...]:
        return job.spec.arguments if job.spec.module == MODULE else self.words

    def _running(self) -> int:
        return sum(job.status.state is RunState.RUNNING for job in self.jobs.values())

    def _start(self, job: _Job, now: float) -> None:
        attempt = job.status.attempt + 1
        words = self._words(job)
        job.log += said(words, attempt)
        job.until = now + duration_s(words)
        job.status = replace(
            job.status, state=RunState.RUNNING, reason="", started_at=now, attempt=attempt
        )

    def _end(self, job: _Job, now: float) -> None:
        code = code_of(self._words(job), job.status.attempt)
        if code not in (0, _REFUSED) and job.status.attempt <= job.spec.max_retries:
            self._start(job, now)
            return
        state = RunState.FAILED if code else RunState.SUCCEEDED
        reason = f"the training ended with exit code {code}" if code else ""
        job.status = replace(job.status, state=state, reason=reason, ended_at=now, exit_code=code)


class FakeLauncher:
    """A `Launcher` on a `FakePlatform`."""

    kind = "fake"

    def __init__(self, platform: FakePlatform | None = None) -> None:
        """Take the platform; None: one of its own."""
        self.platform = platform or FakePlatform()

    def submit(self, spec: RunSpec) -> RunHandle:
        """Take a run; see `Launcher.submit`."""
        with self.platform.lock:
            known = self.platform.jobs.get(spec.run_id)
            if known is not None:
                self.platform.step()
                if spec.generation <= known.spec.generation or not known.status.state.is_final:
                    return self._handle(known.spec)
            if self.platform.refuse:
                raise SubmitError(self.platform.refuse)
            status = RunStatus(
                RunState.PENDING,
                external_id=f"fake-{spec.run_id}",
                submitted_at=self.platform.clock.now(),
            )
            log = known.log if known else ""
            self.platform.jobs[spec.run_id] = _Job(spec, status, log)
            return self._handle(spec)

    def poll(self, handles: Iterable[RunHandle]) -> Mapping[str, RunStatus]:
        """Return how runs are; see `Launcher.poll`."""
        with self.platform.lock:
            self.platform.step()
            lost = RunStatus(RunState.LOST, "the platform does not know the run")
            jobs = self.platform.jobs
            return {h.run_id: jobs[h.run_id].status if h.run_id in jobs else lost for h in handles}

    def cancel(self, handle: RunHandle) -> None:
        """Stop a run; see `Launcher.cancel`."""
        with self.platform.lock:
            job = self._job(handle)
            self.platform.step()
            if not job.status.state.is_final:
                now = self.platform.clock.now()
                job.status = replace(
                    job.status, state=RunState.CANCELED, reason="canceled", ended_at=now
                )

    def logs(self, handle: RunHandle, cursor: int = 0) -> tuple[str, int]:
        """Return what a run wrote; see `Launcher.logs`."""
        with self.platform.lock:
            job = self._job(handle)
            self.platform.step()
            text = job.log[cursor:]
            return text, cursor + len(text)

    def _job(self, handle: RunHandle) -> _Job:
        try:
            return self.platform.jobs[handle.run_id]
        except KeyError:
            raise UnknownRun(f"the fake platform does not know run {handle.run_id!r}.") from None

    def _handle(self, spec: RunSpec) -> RunHandle:
        return RunHandle(self.kind, spec.run_id, f"fake-{spec.run_id}", spec.folder)
