"""A command of Lakesight in a process of its own, so that a page can wait for it and end it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Sequence

_GRACE_S = 10.0
_TAIL = 40
"""Lines of its errors that are kept."""


class Child:
    """One process at a time."""

    def __init__(self) -> None:
        """Nothing runs yet."""
        self._process: asyncio.subprocess.Process | None = None
        self.is_canceled = False

    async def run(
        self, words: Sequence[str], on_line: Callable[[str], None] = lambda _: None
    ) -> tuple[int, str, str]:
        """Run `python -m <words>` to its end.

        Args:
            words: module and arguments.
            on_line: told each line of its output.

        Returns:
            Its exit code, its output, the last lines of its errors.
        """
        self.is_canceled = False
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            *words,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=16 * 2**20,
            # What it starts itself ends with it.
            start_new_session=True,
        )
        self._process = process
        try:
            errors = asyncio.ensure_future(_tail(process.stderr))
            lines = []
            assert process.stdout is not None
            async for raw in process.stdout:
                lines.append(raw.decode("utf-8", "replace"))
                on_line(lines[-1].rstrip("\n"))
            code = await process.wait()
            return code, "".join(lines), await errors
        finally:
            _kill(process, signal.SIGKILL)
            self._process = None

    def cancel(self) -> None:
        """Ask it to end; what does not is killed."""
        process = self._process
        if process is None:
            return
        self.is_canceled = True
        _kill(process, signal.SIGTERM)
        with contextlib.suppress(RuntimeError):  # no loop: the server ends
            asyncio.get_running_loop().call_later(_GRACE_S, _kill, process, signal.SIGKILL)

    @property
    def is_running(self) -> bool:
        """Whether it runs."""
        return self._process is not None


def _kill(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)


async def _tail(stream: asyncio.StreamReader | None) -> str:
    kept: list[str] = []
    assert stream is not None
    async for raw in stream:
        kept = [*kept[-_TAIL:], raw.decode("utf-8", "replace")]
    return "".join(kept)


def said(errors: str) -> str:
    """Return what a command said last of why it failed, in one or few lines."""
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    found = [line for line in lines if line.lower().startswith(("error:", "lakesight"))]
    return (found or lines or ["it ended without a word"])[-1].removeprefix("error: ")
