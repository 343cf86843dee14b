"""Which processes are alive, and whether they are the ones we started.

A process is known by its number, its start time and the machine's boot: a number that the system
gave to another process since is not taken for ours.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from launch.base import RUN_ID_VARIABLE

_PROC = Path("/proc")
_BOOT = Path("/proc/sys/kernel/random/boot_id")


def identity(pid: int) -> str:
    """Return what tells this process from every other one, "" if there is none (or a zombie)."""
    if not sys.platform.startswith("linux"):
        return _identity_elsewhere(pid)
    try:
        # "pid (name) state ppid ...": the name may hold spaces and brackets.
        fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
        boot = _BOOT.read_text().strip()
    except OSError:
        return ""
    state, started = fields[0], fields[19]
    return "" if state in "ZX" else f"{pid}:{started}:{boot}"


def is_alive(known: str) -> bool:
    """Return whether the process of an identity lives."""
    return bool(known) and identity(pid_of(known)) == known


def pid_of(known: str) -> int:
    """Return the number in an identity."""
    return int(known.partition(":")[0])


def of_run(run_id: str) -> list[int]:
    """Return every process of a run, by what is in its environment; never this one."""
    mark = f"{RUN_ID_VARIABLE}={run_id}".encode()
    return [pid for pid, words in environments() if pid != os.getpid() and mark in words]


def signal_group(known: str, number: signal.Signals) -> None:
    """Send a signal to a process and those it started in its group, if it is still ours."""
    if is_alive(known):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid_of(known), number)


def kill_run(run_id: str) -> None:
    """SIGKILL every process of a run, until none is left to start another."""
    for _ in range(10):
        found = of_run(run_id)
        if not found:
            return
        for pid in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)


def environments() -> Iterator[tuple[int, list[bytes]]]:
    """Yield number and environment (`KEY=value` each) of every process we may look into."""
    if not sys.platform.startswith("linux"):
        yield from _environments_elsewhere()
        return
    for folder in _PROC.iterdir():
        if folder.name.isdigit():
            # Processes of others, and those that end meanwhile, can't be read.
            with contextlib.suppress(OSError):
                yield int(folder.name), (folder / "environ").read_bytes().split(b"\0")


def _identity_elsewhere(pid: int) -> str:
    import psutil

    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return ""
        return f"{pid}:{process.create_time():.2f}:{round(psutil.boot_time(), -1)}"
    except psutil.Error:
        return ""


def _environments_elsewhere() -> Iterator[tuple[int, list[bytes]]]:
    import psutil

    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            pairs = process.environ().items()
            yield process.pid, [f"{key}={value}".encode() for key, value in pairs]
