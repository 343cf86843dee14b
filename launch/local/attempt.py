"""One attempt of a run: its processes, started or found again, and how they end."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping

from launch.base import ATTEMPT_VARIABLE, RUN_ID_VARIABLE
from launch.local.files import Job, JobFiles
from launch.local.process import identity, is_alive, kill_run, signal_group
from launch.local.queue import python_path

# A shell outlives SIGTERM to the group and leaves the exit code in a file, whoever watches by then.
_SHELL = (
    "trap : TERM INT HUP; out=$1; shift; "
    '"$@"; code=$?; echo $code >"$out.part" && mv "$out.part" "$out"'
)


class Attempt:
    """The processes of one attempt.

    Attributes:
        number: 1 for the first.
        process: identity of the group's leader.
    """

    def __init__(self, job: Job, files: JobFiles, number: int, process: str) -> None:
        """Take an attempt that was started, by this process or another."""
        self.job = job
        self.files = files
        self.number = number
        self.process = process
        self._child: subprocess.Popen[bytes] | None = None

    @classmethod
    def start(
        cls, job: Job, files: JobFiles, number: int, environment: Mapping[str, str]
    ) -> Attempt:
        """Start an attempt in a session of its own.

        Raises:
            OSError: it can't be started (no such folder, no interpreter).
        """
        spec = job.spec
        kill_run(spec.run_id)  # what is left of an attempt whose watcher was killed
        exit_file = files.exit_file(spec.generation, number)
        exit_file.unlink(missing_ok=True)
        words = [job.python, "-u", "-m", spec.module, *spec.arguments]
        more = {
            "PYTHONPATH": python_path(),
            # A folder beside the user's data called `datasets` is not the package.
            "PYTHONSAFEPATH": "1",
            RUN_ID_VARIABLE: spec.run_id,
            ATTEMPT_VARIABLE: str(number),
        }
        with files.output.open("ab") as output:
            child = subprocess.Popen(  # noqa: S603 (the run's own words)
                ["/bin/sh", "-c", _SHELL, "sh", str(exit_file), *words],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=spec.workdir or spec.folder,
                env={**os.environ, **environment, **spec.environment, **more},
                start_new_session=True,
            )
        attempt = cls(job, files, number, identity(child.pid))
        attempt._child = child
        return attempt

    def is_running(self) -> bool:
        """Return whether it goes on."""
        if self._child is not None:
            return self._child.poll() is None
        return is_alive(self.process)

    def exit_code(self) -> int | None:
        """Return the exit code (128 + signal), or None: it left none, as after a power cut."""
        code = self.files.exit_code(self.job.spec.generation, self.number)
        if code is None and self._child is not None and self._child.returncode is not None:
            code = self._child.returncode
            return 128 - code if code < 0 else code
        return code

    def terminate(self) -> None:
        """Ask it to save and end."""
        signal_group(self.process, signal.SIGTERM)

    def kill(self) -> None:
        """End every process of it now."""
        kill_run(self.job.spec.run_id)
        signal_group(self.process, signal.SIGKILL)
