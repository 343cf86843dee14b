"""Whose turn it is: a folder of tickets, one lock, and whoever comes by moves the line on.

There is no daemon. Every submit, poll and watcher calls `advance`: it gives free slots to the first
tickets, and sees that each run that has slots, and the first that waits, has a living watcher. So a
watcher that is killed is replaced by the next one to look, and after a restart of the machine the
queue goes on with the first command.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from launch.base import ATTEMPT_VARIABLE, RUN_ID_VARIABLE
from launch.errors import SubmitError
from launch.local.files import Job, JobFiles, Progress, write_json
from launch.local.machine import Machine, machine

STATE_VARIABLE = "LAKESIGHT_STATE_DIR"
"""Environment variable with the folder of the queue; one per machine."""


def state_dir() -> Path:
    """Return the folder of this machine's queue."""
    given = os.environ.get(STATE_VARIABLE)
    if given:
        return Path(given).expanduser().absolute()
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "lakesight"


@dataclass(frozen=True)
class Ticket:
    """A run's place in the line.

    Attributes:
        run_id: of the run.
        run_dir: its folder.
        python: the interpreter its watcher runs with.
        order: lower ones are first.
        kind: of slot, gpu or cpu.
        num: slots it needs.
        claimed: slots it has; empty while it waits.
    """

    run_id: str
    run_dir: str
    python: str
    order: int
    kind: str
    num: int
    claimed: tuple[str, ...] = ()


class Queue:
    """The line of this machine. `locked` must be held to change it."""

    def __init__(self, root: Path | None = None) -> None:
        """Take the queue's folder; None: this machine's."""
        self.root = root or state_dir()
        self.folder = self.root / "queue"

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the line: one process and thread at a time.

        Raises:
            SubmitError: the state folder can't be used.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            file = (self.root / "lock").open("ab")
        except OSError as error:
            raise SubmitError(
                f"the folder of the queue, {self.root}, can't be written ({error.strerror}). Set "
                f"{STATE_VARIABLE} to another one on a local disk."
            ) from error
        with file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def machine(self) -> Machine:
        """Return this machine's slots."""
        return machine(self.root)

    def tickets(self) -> list[Ticket]:
        """Return the line, first come first."""
        found = []
        for path in self.folder.glob("*.json"):
            ticket = _read(path)
            if ticket is not None:
                found.append(ticket)
        return sorted(found, key=lambda t: (t.order, t.run_id))

    def find(self, run_id: str) -> Ticket | None:
        """Return a run's ticket, or None when it has none."""
        return _read(self._path(run_id))

    def put(self, ticket: Ticket) -> None:
        """Write a ticket."""
        write_json(self._path(ticket.run_id), asdict(ticket))

    def remove(self, run_id: str) -> None:
        """Take a run out of the line."""
        self._path(run_id).unlink(missing_ok=True)

    def keep(self, job: Job, progress: Progress) -> None:
        """Put a run that has not ended back into a line whose folder was deleted."""
        spec = job.spec
        ended = progress.status.state.is_final
        # A run of another machine waits there; its folder is only shared.
        if ended or job.host != socket.gethostname() or self.find(spec.run_id) is not None:
            return
        kind, num = self.machine().needs(spec)
        run_dir = str(Path(spec.folder))
        self.put(Ticket(spec.run_id, run_dir, job.python, job.order, kind, num, progress.slots))

    def ahead(self, ticket: Ticket) -> int:
        """Return how many runs of the same kind wait before it."""
        waiting = [t for t in self.tickets() if t.kind == ticket.kind and not t.claimed]
        return sum(t.order < ticket.order for t in waiting)

    def advance(self) -> None:
        """Give free slots to the first in line, and watchers to whom they are due."""
        slots = self.machine()
        line = self.tickets()
        for kind in ("gpu", "cpu"):
            free = list(slots.slots(kind))
            for ticket in line:
                if ticket.kind == kind:
                    free = [slot for slot in free if slot not in ticket.claimed]
            for index, ticket in enumerate(line):
                if ticket.kind != kind or ticket.claimed:
                    continue
                # The machine may have fewer slots than when it was submitted.
                num = max(min(ticket.num, len(slots.slots(kind))), 1)
                if num <= len(free):
                    line[index] = replace(ticket, claimed=tuple(free[:num]))
                    free = free[num:]
                    self.put(line[index])
                self._watched(line[index])
                if not line[index].claimed:
                    break  # nobody overtakes: the order is kept
        for ticket in line:
            if ticket.claimed:
                self._watched(ticket)

    def _watched(self, ticket: Ticket) -> None:
        """Start a watcher unless one lives; it takes over the lock, so there are never two."""
        files = JobFiles(ticket.run_dir)
        if files.read_job() is None:
            self.remove(ticket.run_id)  # the run's folder is gone
            return
        lock = files.try_lock()
        if lock is None:
            return
        outer = (RUN_ID_VARIABLE, ATTEMPT_VARIABLE)
        environment = {key: value for key, value in os.environ.items() if key not in outer}
        environment["PYTHONPATH"] = python_path()
        environment["PYTHONSAFEPATH"] = "1"
        words = [ticket.python, "-m", "launch.local.supervisor", str(self.root), ticket.run_dir]
        with lock, files.supervisor_log.open("ab") as log:
            # The shell ends at once, so the watcher is nobody's child: no zombie, no hang-up.
            subprocess.run(  # noqa: S603 (our own words)
                ["/bin/sh", "-c", '"$@" &', "sh", *words, str(lock.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env=environment,
                pass_fds=[lock.fileno()],
                start_new_session=True,
                check=False,
            )

    def _path(self, run_id: str) -> Path:
        return self.folder / f"{run_id}.json"


def python_path() -> str:
    """Return a PYTHONPATH with which another process finds this code, installed or not."""
    ours = str(Path(__file__).parents[2])
    given = [part for part in os.environ.get("PYTHONPATH", "").split(os.pathsep) if part]
    # What is installed is found without; before it nothing may come.
    if ours not in given and "site-packages" not in ours:
        given.append(ours)
    return os.pathsep.join(given)


def _read(path: Path) -> Ticket | None:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        return Ticket(**{**values, "claimed": tuple(values["claimed"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None
