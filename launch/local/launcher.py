"""`LocalLauncher`: runs as detached processes of this machine."""

from __future__ import annotations

import re
import socket
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from launch.base import RunHandle, RunSpec, RunState, RunStatus
from launch.clock import Clock, SystemClock
from launch.errors import SubmitError, UnknownRun
from launch.local.files import CANCELED, Job, JobFiles, Progress
from launch.local.queue import Queue, Ticket
from launch.stack import require_torch

_RUN_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
_PART = 1 << 20


class LocalLauncher:
    """A `Launcher` for this machine. Holds nothing: another one knows the same."""

    kind = "local"

    def __init__(self, state_dir: Path | None = None, clock: Clock | None = None) -> None:
        """Take the place of the queue.

        Args:
            state_dir: folder of the queue; None: this machine's (`LAKESIGHT_STATE_DIR`).
            clock: gives the times in the status.
        """
        self.queue = Queue(state_dir)
        self.clock = clock or SystemClock()

    def submit(self, spec: RunSpec) -> RunHandle:
        """Put a run into the line; see `Launcher.submit`."""
        if not _RUN_ID.fullmatch(spec.run_id):
            raise SubmitError(
                f"{spec.run_id!r} can't be a run's id: letters, digits, _ and -, at most 128."
            )
        require_torch("A run on this machine", SubmitError)
        files = JobFiles(spec.folder)
        kind, num = self.queue.machine().needs(spec)
        with self.queue.locked():
            known = files.read_job()
            progress = files.read_progress()
            if known is not None and progress is not None:
                if known.spec.run_id != spec.run_id and not progress.status.state.is_final:
                    raise SubmitError(
                        f"the folder {spec.folder} is used by the run {known.spec.run_id}, which is "
                        f"{progress.status.state}. Give another run.dir=, or cancel it: "
                        f"lakesight cancel {known.spec.run_id[:8]}"
                    )
                again = spec.generation > known.spec.generation and progress.status.state.is_final
                if known.spec.run_id == spec.run_id and not again:
                    if not progress.status.state.is_final:
                        self.queue.keep(known, progress)
                        self.queue.advance()
                    return self._handle(known.spec, progress.status)
            self._new(files, spec, kind, num)
            self.queue.advance()
        progress = files.read_progress()
        assert progress is not None
        return self._handle(spec, progress.status)

    def poll(self, handles: Iterable[RunHandle]) -> Mapping[str, RunStatus]:
        """Return how runs are; see `Launcher.poll`."""
        wanted = list(handles)
        found = {handle.run_id: self._progress(handle) for handle in wanted}
        unfinished = [h for h in wanted if (p := found[h.run_id]) and not p.status.state.is_final]
        if unfinished:
            with self.queue.locked():
                for handle in unfinished:
                    job, progress = JobFiles(handle.folder).read_job(), self._progress(handle)
                    if job is not None and progress is not None:
                        self.queue.keep(job, progress)
                self.queue.advance()
        return {h.run_id: self._status(h) for h in wanted}

    def cancel(self, handle: RunHandle) -> None:
        """Ask a run to stop; see `Launcher.cancel`."""
        files = JobFiles(handle.folder)
        with self.queue.locked():
            progress = self._progress(handle)
            job = files.read_job()
            if progress is None or job is None:
                raise _unknown(handle)
            if progress.status.state.is_final:
                return
            files.canceled.touch()
            self.queue.keep(job, progress)
            lock = files.try_lock()
            if lock is None:
                return  # its watcher sees the file
            with lock:
                ticket = self.queue.find(handle.run_id)
                if progress.status.state is RunState.QUEUED and not (ticket and ticket.claimed):
                    # Nobody watches it yet: it ends here.
                    status = replace(
                        progress.status,
                        state=RunState.CANCELED,
                        reason=CANCELED,
                        ended_at=self.clock.now(),
                    )
                    files.write_progress(replace(progress, status=status))
                    self.queue.remove(handle.run_id)
            self.queue.advance()

    def logs(self, handle: RunHandle, cursor: int = 0) -> tuple[str, int]:
        """Return what a run wrote; see `Launcher.logs`. The cursor counts bytes."""
        files = JobFiles(handle.folder)
        if self._progress(handle) is None:
            raise _unknown(handle)
        try:
            with files.output.open("rb") as file:
                file.seek(cursor)
                data = file.read(_PART)
        except FileNotFoundError:
            return "", cursor
        text, used = _whole(data)
        return text, cursor + used

    def _new(self, files: JobFiles, spec: RunSpec, kind: str, num: int) -> None:
        try:
            files.folder.mkdir(parents=True, exist_ok=True)
            lock = files.try_lock()
            if lock is None:
                raise SubmitError(
                    f"the folder {spec.folder} is still watched by a run. Give another run.dir=, or "
                    "try again when it has ended."
                )
            with lock:
                for old in (files.canceled, *files.folder.glob(f"exit-{spec.generation}-*")):
                    old.unlink(missing_ok=True)
                order = max([time.time_ns(), *(t.order + 1 for t in self.queue.tickets())])
                host = socket.gethostname()
                files.write_job(Job(spec, sys.executable, host, order))
                status = RunStatus(
                    RunState.QUEUED,
                    "waits for a slot",
                    external_id=f"{host}:{spec.run_id}",
                    url=Path(spec.folder).absolute().as_uri(),
                    submitted_at=self.clock.now(),
                )
                files.write_progress(Progress(status))
                self.queue.put(
                    Ticket(spec.run_id, str(files.run_dir), sys.executable, order, kind, num)
                )
        except OSError as error:
            raise SubmitError(
                f"the run's folder {spec.folder} can't be written ({error.strerror}). Give another "
                "run.dir=, or free the disk."
            ) from error

    def _progress(self, handle: RunHandle) -> Progress | None:
        files = JobFiles(handle.folder)
        job = files.read_job()
        if job is None or job.spec.run_id != handle.run_id:
            return None
        return files.read_progress()

    def _status(self, handle: RunHandle) -> RunStatus:
        progress = self._progress(handle)
        if progress is None:
            return RunStatus(RunState.LOST, f"its folder {handle.folder} is not on this machine")
        status = progress.status
        ticket = self.queue.find(handle.run_id)
        if status.state is RunState.QUEUED and ticket is not None and not ticket.claimed:
            ahead = self.queue.ahead(ticket)
            before = f", {ahead} before it" if ahead else ", it is the next"
            what = "GPU" if ticket.kind == "gpu" else "CPU"
            slots = f"{ticket.num} {what} slot{'s' if ticket.num > 1 else ''}"
            return replace(status, reason=f"waits for {slots}{before}")
        return status

    def _handle(self, spec: RunSpec, status: RunStatus) -> RunHandle:
        return RunHandle(self.kind, spec.run_id, status.external_id, spec.folder)


def _unknown(handle: RunHandle) -> UnknownRun:
    return UnknownRun(
        f"nothing is known of run {handle.run_id!r} on this machine: its folder {handle.folder} is "
        "gone, or is another run's."
    )


def _whole(data: bytes) -> tuple[str, int]:
    """Decode whole characters; return the text and the bytes used."""
    for cut in range(min(4, len(data) + 1)):
        end = len(data) - cut
        try:
            return data[:end].decode(), end
        except UnicodeDecodeError as error:
            if error.end != end:
                break  # not a torn end, but bytes that are no UTF-8
    return data.decode(errors="replace"), len(data)
