"""One attempt's processes on this machine: started, listened to, stopped in order."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from launch.clock import Clock

Output = Callable[[bytes], None]

_POLL_S = 0.1
_PIECE_BYTES = 65_536


class Processes:
    """A command in a session of its own; whatever it starts ends with it."""

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], cwd: Path, output: Output
    ) -> None:
        """Start it.

        Args:
            command: its words.
            environment: the whole of it.
            cwd: where relative paths start.
            output: takes what it writes, from a thread.
        """
        self._child = subprocess.Popen(  # noqa: S603 (the run's own words)
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env=dict(environment),
            start_new_session=True,
        )
        self._output = output
        self._listener = threading.Thread(target=self._listen, name="output", daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        assert self._child.stdout is not None
        descriptor = self._child.stdout.fileno()
        while data := os.read(descriptor, _PIECE_BYTES):
            self._output(data)

    def wait(self, must_stop: Callable[[], bool], grace_s: float, clock: Clock) -> int:
        """Return the exit code as a shell gives it (128 + signal).

        Args:
            must_stop: asked all the time; once it is true they get SIGTERM.
            grace_s: from then to SIGKILL, seconds.
            clock: passes time.
        """
        kill_at: float | None = None
        while self._child.poll() is None:
            if kill_at is None and must_stop():
                self._signal(signal.SIGTERM)
                kill_at = clock.now() + grace_s
            elif kill_at is not None and clock.now() > kill_at:
                self._signal(signal.SIGKILL)
            clock.sleep(_POLL_S)
        while kill_at is not None and clock.now() < kill_at and self._signal(0):
            clock.sleep(_POLL_S)  # DeepSpeed's launcher goes before the processes it started
        self._signal(signal.SIGKILL)  # what it left behind holds the devices
        self._listener.join(10.0)
        code = self._child.returncode
        return 128 - code if code < 0 else code

    def _signal(self, number: int) -> bool:
        """Send a signal to all of them; False when there are none."""
        try:
            os.killpg(self._child.pid, number)
        except (ProcessLookupError, PermissionError):
            return False
        return True


class Sink:
    """Writes output to the log's parts, a local file and this process's own stdout."""

    def __init__(self, local: Path, also: Output) -> None:
        """Open the local file.

        Args:
            local: kept on the node's disk, for what was said last.
            also: takes the same bytes.
        """
        local.parent.mkdir(parents=True, exist_ok=True)
        self.local = local
        self._console = sys.stdout
        self._file = local.open("ab", buffering=0)
        self._also = also

    def write(self, data: bytes) -> None:
        """Take output."""
        with contextlib.suppress(OSError):
            self._file.write(data)
        self._also(data)
        # In a notebook's process stdout is not a file and takes text only.
        with contextlib.suppress(OSError, ValueError):
            self._console.write(data.decode("utf-8", "replace"))
            self._console.flush()

    def note(self, text: str) -> None:
        """Write a line of the node's own."""
        self.write(f"--- {text}\n".encode())

    def mark(self) -> int:
        """Return where the local file ends now."""
        return os.fstat(self._file.fileno()).st_size

    def since(self, mark: int, most: int = 65_536) -> str:
        """Return the end of what was written after a mark."""
        with self.local.open("rb") as file:
            end = file.seek(0, os.SEEK_END)
            file.seek(max(mark, end - most))
            return file.read().decode("utf-8", "replace")

    def close(self) -> None:
        """Close the local file."""
        self._file.close()
