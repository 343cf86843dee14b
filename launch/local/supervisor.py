"""`python -m launch.local.supervisor <queue> <run folder> <lock>`: a run's watcher.

It waits for its slot, starts the training, tries again after a crash and says how it ended. It may
be killed at any moment: the next one finds the training's process by what the folder says.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import FrameType

from launch.base import RunState, RunStatus
from launch.clock import Clock, SystemClock
from launch.local.attempt import Attempt
from launch.local.files import CANCELED, JobFiles, Progress
from launch.local.process import is_alive, kill_run
from launch.local.queue import Queue

log = logging.getLogger(__name__)

POLL_S = 0.2
_WAIT_S = 0.5
_ADVANCE_S = 1.0
_LONGEST_PAUSE_S = 60.0
_USER_FAULT = 2


class Supervisor:
    """Watches one run to its end; `run` is all of it."""

    def __init__(self, queue: Queue, run_dir: Path, lock: int, clock: Clock) -> None:
        """Take a run.

        Args:
            queue: the machine's line.
            run_dir: the run's folder.
            lock: descriptor of the run's lock, held.
            clock: tells and passes time.
        """
        self.queue = queue
        self.files = JobFiles(run_dir)
        self.lock = lock
        self.clock = clock
        job, progress = self.files.read_job(), self.files.read_progress()
        assert job is not None
        assert progress is not None
        self.job = job
        self.spec = job.spec
        self.progress = progress
        self.stopped = False
        self._timed_out = False
        self._advanced = 0.0

    def run(self) -> None:
        """Watch the run until it has ended, or this process is asked to go."""
        if self.progress.status.state.is_final:
            with self.queue.locked():
                self._leave()
            return
        attempt = self._found()
        while True:
            if attempt is None:
                if not self._slot():
                    return
                attempt = self._start()
                if attempt is None:
                    return
            self._watch(attempt)
            if self.stopped and attempt.is_running():
                return  # another watcher goes on with it
            if self._settled(attempt):
                return
            attempt = None

    def stop(self, _number: int, _frame: FrameType | None) -> None:
        """Take SIGTERM: the machine goes down."""
        self.stopped = True

    def _found(self) -> Attempt | None:
        """Return the attempt that a watcher before this one started, ended or not."""
        status = self.progress.status
        if status.state is not RunState.RUNNING:
            return None
        attempt = Attempt(self.job, self.files, status.attempt, self.progress.process)
        if is_alive(self.progress.process):
            log.warning("goes on with attempt %d, whose watcher is gone", status.attempt)
        return attempt

    def _slot(self) -> bool:
        """Wait for the run's turn; False when it was canceled, or this process is asked to go."""
        while not self.stopped:
            with self.queue.locked():
                self.queue.keep(self.job, self.progress)
                self.queue.advance()
                ticket = self.queue.find(self.spec.run_id)
            if self.files.canceled.exists():
                self._finish(RunState.CANCELED, CANCELED, None)
                return False
            if ticket is not None and ticket.claimed:
                return True
            self.clock.sleep(_WAIT_S)
        return False

    def _start(self) -> Attempt | None:
        number = self.progress.status.attempt + 1
        with self.queue.locked():
            ticket = self.queue.find(self.spec.run_id)
            slots = ticket.claimed if ticket else ()
            kind = ticket.kind if ticket else "cpu"
            environment = self.queue.machine().environment(kind, slots)
        if number > 1:
            self.files.note(f"attempt {number}")
        try:
            attempt = Attempt.start(self.job, self.files, number, environment)
        except OSError as error:
            self._finish(RunState.FAILED, f"it can't be started: {error}", None)
            return None
        status = replace(
            self.progress.status,
            state=RunState.RUNNING,
            reason="",
            attempt=number,
            started_at=self.clock.now(),
        )
        self._write(replace(self.progress, status=status, process=attempt.process, slots=slots))
        return attempt

    def _watch(self, attempt: Attempt) -> None:
        """Wait for the end of an attempt; stop it when that is asked for."""
        kill_at = None
        self._timed_out = False
        while attempt.is_running():
            now = self.clock.now()
            limit = self.spec.timeout_s
            started = self.progress.status.started_at or now
            self._timed_out |= limit is not None and now > started + limit
            asked = self.stopped or self._timed_out or self.files.canceled.exists()
            if asked and kill_at is None:
                attempt.terminate()
                kill_at = now + self.spec.cancel_grace_s
            if kill_at is not None and now > kill_at:
                log.warning("killed: it did not end within %.0f s", self.spec.cancel_grace_s)
                attempt.kill()
            self._look_around()
            self.clock.sleep(POLL_S)

    def _settled(self, attempt: Attempt) -> bool:
        """Say how an attempt ended; return False when another one is to follow."""
        code = attempt.exit_code()
        attempt.kill()  # what it left behind would hold the slot's memory
        if self.stopped and code != 0:
            self._hand_over()
            return True
        if code != 0 and not self.files.canceled.exists() and self._again(code):
            return False
        if code == 0:
            self._finish(RunState.SUCCEEDED, "", 0)
        elif self.files.canceled.exists():
            self._finish(RunState.CANCELED, CANCELED, code)
        elif code is None:
            self._finish(RunState.LOST, self._why(code), None)
        else:
            self._finish(RunState.FAILED, self._why(code), code)
        return True

    def _again(self, code: int | None) -> bool:
        """Wait before the next attempt; False when there is none."""
        number = self.progress.status.attempt
        if (
            number - self.progress.forgiven > self.spec.max_retries
            or code == _USER_FAULT
            or self._timed_out
        ):
            return False
        most = self.spec.max_retries + 1 + self.progress.forgiven
        pause_s = min(2.0 ** (number - 1), _LONGEST_PAUSE_S)
        why = f"{self._why(code)}; attempt {number + 1} of {most} follows"
        self.files.note(why)
        status = replace(self.progress.status, state=RunState.QUEUED, reason=why, exit_code=code)
        self._write(replace(self.progress, status=status, process=""))
        until = self.clock.now() + pause_s
        while self.clock.now() < until and not self.stopped and not self.files.canceled.exists():
            self._look_around()
            self.clock.sleep(POLL_S)
        return True

    def _why(self, code: int | None) -> str:
        if self._timed_out:
            return f"it took longer than compute.timeout_s={self.spec.timeout_s:g}"
        if code is None:
            return (
                "the training is gone without an exit code: the machine restarted, or it was killed "
                "together with its watcher"
            )
        said = self.files.last_words()
        said = f": {said}" if said else ""
        if code > 128 and code - 128 in {int(s) for s in signal.Signals}:
            name = signal.Signals(code - 128).name
            hint = " (often: out of memory)" if name == "SIGKILL" else ""
            return f"the training was ended by {name}{hint}; its last words{said or ': none'}"
        return f"the training ended with exit code {code}{said}"

    def _hand_over(self) -> None:
        """Put the run back into the line: this machine stops, the run does not."""
        why = "its watcher was stopped; it goes on with the next lakesight command"
        status = self.progress.status
        self._write(
            replace(
                self.progress,
                status=replace(status, state=RunState.QUEUED, reason=why),
                process="",
                forgiven=self.progress.forgiven + 1,
            )
        )

    def _finish(self, state: RunState, reason: str, code: int | None) -> None:
        """Say that the run has ended, and make room."""
        status = replace(
            self.progress.status,
            state=state,
            reason=reason,
            exit_code=code,
            ended_at=self.clock.now(),
        )
        self._close_ledger(status)
        with self.queue.locked():
            self._write(Progress(status))
            self._leave()

    def _leave(self) -> None:
        """Free the slots and the folder. The line is held."""
        self.queue.remove(self.spec.run_id)
        os.close(self.lock)
        self.queue.advance()

    def _close_ledger(self, status: RunStatus) -> None:
        """Close the MLflow run where the training itself did not."""
        if status.state is RunState.SUCCEEDED or not self.spec.tracking_uri:
            return
        try:
            from launch.ledger import close_run

            close_run(self.spec.tracking_uri, self.spec.run_id, status)
        except Exception as error:  # noqa: BLE001 (an edge: the run has ended, whatever a server says)
            log.warning("the MLflow run stays open, `lakesight runs` closes it later: %s", error)

    def _look_around(self) -> None:
        """Move the line on, and keep this run in it.

        Raises:
            FileNotFoundError: the run's folder was deleted.
        """
        if time.monotonic() - self._advanced < _ADVANCE_S:
            return
        self._advanced = time.monotonic()
        self.files.folder.stat()
        with self.queue.locked():
            self.queue.keep(self.job, self.progress)
            self.queue.advance()

    def _write(self, progress: Progress) -> None:
        self.files.write_progress(progress)
        self.progress = progress


def main(words: list[str]) -> None:
    """Watch one run."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO)
    root, run_dir, lock = Path(words[0]), Path(words[1]), int(words[2])
    os.set_inheritable(lock, False)
    supervisor = Supervisor(Queue(root), run_dir, lock, SystemClock())
    signal.signal(signal.SIGTERM, supervisor.stop)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        supervisor.run()
    except OSError as error:
        if run_dir.is_dir():
            raise
        # Deleted while it ran: nobody wants it.
        log.warning("the run's folder is gone (%s)", error)
        kill_run(supervisor.spec.run_id)
        with supervisor.queue.locked():
            supervisor.queue.remove(supervisor.spec.run_id)
            supervisor.queue.advance()


if __name__ == "__main__":
    main(sys.argv[1:])
