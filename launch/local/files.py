"""What a run's folder keeps of its launch: `job/`. The folder is the truth; a restart reads it.

spec.json        the `RunSpec`, with the interpreter and the machine
status.json      the `RunStatus`, and the training's process
output.log       what the training wrote, all attempts
supervisor.log   what its watcher wrote
cancel           exists once a person asked to stop
lock             held (flock) by the watcher as long as it lives
exit-<g>-<a>     exit code of attempt a in generation g
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from launch.base import RunSpec, RunStatus
from launch.errors import SubmitError

CANCELED = "canceled by a person"


@dataclass(frozen=True)
class Job:
    """What is kept of a run.

    Attributes:
        spec: what runs.
        python: the interpreter that runs it.
        host: the machine that it was submitted on.
        order: its place in the queue; lower ones are first.
    """

    spec: RunSpec
    python: str
    host: str
    order: int


@dataclass(frozen=True)
class Progress:
    """How a run is now, and the process that does it.

    Attributes:
        status: as `poll` gives it.
        process: identity of the attempt's process group leader, "" before there is one.
        slots: what it holds while it runs.
        forgiven: attempts that ended without a fault of theirs; they don't count as retries.
    """

    status: RunStatus
    process: str = ""
    slots: tuple[str, ...] = ()
    forgiven: int = 0


class JobFiles:
    """Reads and writes `<run folder>/job`."""

    def __init__(self, run_dir: Path | str) -> None:
        """Take the run's folder; nothing is touched."""
        self.run_dir = Path(run_dir)
        self.folder = self.run_dir / "job"
        self.output = self.folder / "output.log"
        self.supervisor_log = self.folder / "supervisor.log"
        self.canceled = self.folder / "cancel"

    def exit_file(self, generation: int, attempt: int) -> Path:
        """Return where an attempt leaves its exit code."""
        return self.folder / f"exit-{generation}-{attempt}"

    def exit_code(self, generation: int, attempt: int) -> int | None:
        """Return an attempt's exit code as a shell gives it (128 + signal); None: it left none."""
        try:
            return int(self.exit_file(generation, attempt).read_text())
        except (OSError, ValueError):
            return None

    def read_job(self) -> Job | None:
        """Return what was submitted, or None where nothing was."""
        values = _read(self.folder / "spec.json")
        if values is None:
            return None
        return Job(
            RunSpec.from_dict(values["spec"]), values["python"], values["host"], values["order"]
        )

    def write_job(self, job: Job) -> None:
        """Keep what is submitted."""
        values = {"python": job.python, "host": job.host, "order": job.order}
        # A tracking URI may hold a password: for the owner's eyes.
        write_json(self.folder / "spec.json", {"spec": job.spec.to_dict(), **values}, mode=0o600)

    def read_progress(self) -> Progress | None:
        """Return how the run is, or None where nothing was submitted."""
        values = _read(self.folder / "status.json")
        if values is None:
            return None
        status = RunStatus.from_dict(values["status"])
        return Progress(status, values["process"], tuple(values["slots"]), values["forgiven"])

    def write_progress(self, progress: Progress) -> None:
        """Say how the run is."""
        values = {**vars(progress), "status": progress.status.to_dict()}
        write_json(self.folder / "status.json", values)

    def try_lock(self) -> IO[bytes] | None:
        """Return the watcher's lock, taken, or None while a watcher lives.

        The kernel frees it when its last holder ends, however it ends.

        Raises:
            SubmitError: this file system has no locks.
        """
        file = (self.folder / "lock").open("ab")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return None
        except OSError as error:
            file.close()
            raise SubmitError(
                f"{self.run_dir} is on a file system without locks ({error.strerror}). Give a run.dir= "
                "on a local disk; run.durable_dir= copies the checkpoints elsewhere."
            ) from error
        return file

    def last_words(self) -> str:
        """Return the last sentence the training wrote: its last "error: ..." or its last line."""
        try:
            with self.output.open("rb") as file:
                file.seek(max(os.fstat(file.fileno()).st_size - 8192, 0))
                text = file.read().decode(errors="replace")
        except OSError:
            return ""
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        errors = [line for line in lines if line.startswith("error: ")]
        return (errors or lines or [""])[-1].removeprefix("error: ")[:500]

    def note(self, text: str) -> None:
        """Write a line of the launcher into the training's output, where a reader expects it."""
        with contextlib.suppress(OSError), self.output.open("ab") as file:
            file.write(f"--- {text}\n".encode())


def write_json(path: Path, values: Any, mode: int = 0o666) -> None:
    """Write a file that is whole at every moment, also after a power cut."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    with open(part, "w", encoding="utf-8", opener=lambda p, f: os.open(p, f, mode)) as file:
        json.dump(values, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return values
