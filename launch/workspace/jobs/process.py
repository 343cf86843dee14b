"""Processes that outlive the server: started, found again, and ended with all they started."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from pathlib import Path

# The shell outlives its child, to write down how it ended, also when this server is gone.
_SHELL = 'trap : TERM INT; "$@"; echo $? > exit_code'
MARK = "LAKESIGHT_FAKE_TASK"
_children: dict[int, subprocess.Popen[bytes]] = {}


def start(command: list[str], folder: Path, environment: dict[str, str], mark: str) -> int:
    """Start `command` in `folder` as a session of its own; returns its process group.

    stdout, stderr and exit_code are files of the folder.
    """
    with (folder / "stdout").open("ab") as out, (folder / "stderr").open("ab") as err:
        child = subprocess.Popen(  # noqa: S603 (running tasks is what this double is for)
            ["/bin/sh", "-c", _SHELL, "sh", *command],
            cwd=folder,
            env=environment | {MARK: mark},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,
        )
    _children[child.pid] = child
    return child.pid


def exit_code(pid: int, folder: Path) -> int | None:
    """Return how it ended; None while it runs, -9 if nothing was left to say."""
    written = _written(folder)
    if written is not None:
        if child := _children.pop(pid, None):
            child.wait()
        return written
    if _alive(pid):
        return None
    # It may have written between the two looks.
    written = _written(folder)
    return -9 if written is None else written


def terminate(pid: int) -> None:
    """Ask the process group to end."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGTERM)


def kill(pid: int, mark: str) -> None:
    """End it now, with everything it started, as a machine that goes away."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    needle = f"{MARK}={mark}".encode()
    for entry in Path("/proc").glob("[0-9]*"):
        # Launchers start sessions of their own; the mark in the environment finds them.
        with contextlib.suppress(OSError):
            if needle in (entry / "environ").read_bytes().split(b"\0"):
                os.kill(int(entry.name), signal.SIGKILL)
    if child := _children.pop(pid, None):
        child.wait()


def _written(folder: Path) -> int | None:
    try:
        text = (folder / "exit_code").read_text(encoding="ascii")
    except OSError:
        return None
    return int(text) if text.endswith("\n") else None


def _alive(pid: int) -> bool:
    if child := _children.get(pid):
        return child.poll() is None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
