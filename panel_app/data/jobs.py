"""Worker processes of the page Data: started once per piece of work, watched by whoever asks.

Nothing here knows sessions: they ask for a job's progress by its name. Thread-safe.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field, replace
from typing import Any, Literal

log = logging.getLogger(__name__)

_AT_ONCE = 2
_KEPT = 200
_SECRETS = ("BOKEH_SECRET_KEY",)

State = Literal["waiting", "running", "done", "failed", "cancelled"]


@dataclass(frozen=True)
class Progress:
    """How a job is.

    Attributes:
        state: waiting for a place, running, done, failed or cancelled.
        phase: what it does, in words.
        done: of the phase.
        total: of the phase; 0: not known.
        began_s: when it was started, seconds of `time.monotonic`.
        phase_s: when the phase began.
        error: why it failed, in a sentence.
        result: what it gave.
    """

    state: State = "waiting"
    phase: str = "waiting for another data set"
    done: int = 0
    total: int = 0
    began_s: float = 0.0
    phase_s: float = 0.0
    error: str = ""
    result: dict[str, Any] = field(default_factory=dict)

    @property
    def is_over(self) -> bool:
        """Whether nothing more comes."""
        return self.state in ("done", "failed", "cancelled")

    def left_s(self) -> float | None:
        """Return the seconds left of this phase at its speed so far; None: not known."""
        passed = time.monotonic() - self.phase_s
        if not self.total or not self.done or passed < 1:
            return None
        return passed * (self.total - self.done) / self.done


class Jobs:
    """The jobs of one app process."""

    def __init__(self) -> None:
        """Start with none."""
        self._lock = threading.Lock()
        self._known: dict[str, Progress] = {}
        self._processes: dict[str, subprocess.Popen[str]] = {}
        self._places = threading.Semaphore(_AT_ONCE)

    def start(self, name: str, request: dict[str, Any], environment: dict[str, str]) -> None:
        """Start a job; one of this name that is not over goes on.

        Args:
            name: of the work; two sessions that ask for the same share it.
            request: for `panel_app.data.worker`.
            environment: variables for the worker, besides those of this process.
        """
        with self._lock:
            known = self._known.get(name)
            if known is not None and not known.is_over:
                return
            self._known[name] = Progress(began_s=time.monotonic(), phase_s=time.monotonic())
            for old in [n for n, one in self._known.items() if one.is_over][:-_KEPT]:
                del self._known[old]
        threading.Thread(target=self._run, args=(name, request, environment), daemon=True).start()

    def get(self, name: str) -> Progress | None:
        """Return a job's progress; None: there was none."""
        with self._lock:
            return self._known.get(name)

    def forget(self, name: str) -> None:
        """Forget a job that is over."""
        with self._lock:
            if name in self._known and self._known[name].is_over:
                del self._known[name]

    def cancel(self, name: str) -> None:
        """End a job."""
        with self._lock:
            known = self._known.get(name)
            if known is None or known.is_over:
                return
            self._known[name] = replace(known, state="cancelled", phase="cancelled")
            process = self._processes.get(name)
        if process is not None:
            process.kill()

    def _run(self, name: str, request: dict[str, Any], environment: dict[str, str]) -> None:
        with self._places:
            inherited = {k: v for k, v in os.environ.items() if k not in _SECRETS}
            with tempfile.TemporaryFile("w+") as errors:
                with self._lock:
                    if self._known[name].is_over:
                        return
                    process = subprocess.Popen(
                        [sys.executable, "-m", "panel_app.data.worker"],
                        stdin=subprocess.PIPE,
                        stdout=subprocess.PIPE,
                        stderr=errors,
                        text=True,
                        env=inherited | environment,
                    )
                    self._processes[name] = process
                    self._known[name] = replace(
                        self._known[name], state="running", phase="starting"
                    )
                try:
                    self._listen(name, process, request)
                finally:
                    process.kill()
                    process.wait()
                    with self._lock:
                        del self._processes[name]
                self._end(name, errors)

    def _listen(self, name: str, process: subprocess.Popen[str], request: dict[str, Any]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        with process.stdin as to_worker, process.stdout as from_worker:
            try:
                to_worker.write(json.dumps(request) + "\n")
                to_worker.flush()  # and left open: the worker ends when it closes
            except OSError:
                return
            for line in from_worker:
                try:
                    words = json.loads(line)
                except ValueError:
                    continue  # a library's own chatter
                if isinstance(words, dict):
                    self._hear(name, words)

    def _hear(self, name: str, words: dict[str, Any]) -> None:
        with self._lock:
            known = self._known[name]
            if known.is_over:
                return
            if "result" in words:
                known = replace(known, state="done", phase="done", result=words["result"])
            elif "error" in words:
                known = replace(known, state="failed", error=words["error"])
            elif "phase" in words:
                since = known.phase_s if words["phase"] == known.phase else time.monotonic()
                known = replace(
                    known,
                    phase=words["phase"],
                    done=words["done"],
                    total=words["total"],
                    phase_s=since,
                )
            self._known[name] = known

    def _end(self, name: str, errors: Any) -> None:
        errors.seek(0)
        said = errors.read()
        with self._lock:
            if self._known[name].is_over:
                return
            text = "The process that read the data set ended early. The log of the app has more."
            self._known[name] = replace(self._known[name], state="failed", error=text)
        log.error("the worker %s ended early:\n%s", name, said[-4000:])
