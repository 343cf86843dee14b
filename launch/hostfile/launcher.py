"""`HostfileLauncher`: one run at a time on a plain cluster; watched as a local run is.

The run's folder must be on the file system that the machines share. On this machine the run is
DeepSpeed's launcher, kept by a watcher of `launch.local`: queue, logs, retries and restarts are its.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from launch.base import RunHandle, RunSpec, RunStatus
from launch.clock import Clock
from launch.errors import SubmitError, UnknownRun
from launch.hostfile import hosts
from launch.local.launcher import LocalLauncher
from launch.local.machine import FILE
from launch.local.queue import state_dir

KIND = "hostfile"
START = "launch.hostfile.start"
_TRAINING = "cvcore.train"
_PLACE = "hostfile.json"


class HostfileLauncher:
    """A `Launcher` for the machines of a hostfile."""

    kind = KIND

    def __init__(self, root: Path | None = None, clock: Clock | None = None) -> None:
        """Take the place of the queues.

        Args:
            root: folder with a queue for each hostfile; None: this machine's.
            clock: gives the times in the status.
        """
        self.root = (root or state_dir()) / KIND
        self.clock = clock

    def submit(self, spec: RunSpec) -> RunHandle:
        """Put a run into the cluster's line; see `Launcher.submit`."""
        path = Path(str(spec.compute.get("hostfile") or "hostfile")).expanduser()
        path = path if path.is_absolute() else Path(spec.workdir or Path.cwd()) / path
        found = hosts.read(path)
        queue = self.root / hashlib.sha256(str(path).encode()).hexdigest()[:16]
        queue.mkdir(parents=True, exist_ok=True)
        # One run at a time has all machines.
        _write(queue / FILE, {"gpus": [], "cpu_slots": 1})
        folder = Path(spec.folder)
        if folder.is_dir():
            _write(folder / _PLACE, {"queue": str(queue)})
        started = spec
        if spec.module.startswith(_TRAINING):
            words = _words(spec, path, sum(found.values()))
            started = replace(spec, module=START, arguments=words, use_cpu=True, num_devices=1)
        return self._mine(LocalLauncher(queue, self.clock).submit(started))

    def poll(self, handles: Iterable[RunHandle]) -> Mapping[str, RunStatus]:
        """Return how runs are; see `Launcher.poll`."""
        by_queue: dict[Path, list[RunHandle]] = {}
        for handle in handles:
            by_queue.setdefault(self._queue(handle), []).append(handle)
        found: dict[str, RunStatus] = {}
        for queue, mine in by_queue.items():
            found |= LocalLauncher(queue, self.clock).poll(mine)
        return found

    def cancel(self, handle: RunHandle) -> None:
        """Ask a run to stop; see `Launcher.cancel`."""
        self._of(handle).cancel(handle)

    def logs(self, handle: RunHandle, cursor: int = 0) -> tuple[str, int]:
        """Return what a run wrote; see `Launcher.logs`."""
        return self._of(handle).logs(handle, cursor)

    def _mine(self, handle: RunHandle) -> RunHandle:
        return replace(handle, launcher=KIND)

    def _of(self, handle: RunHandle) -> LocalLauncher:
        if not Path(handle.folder).is_dir():
            raise UnknownRun(
                f"nothing is known of run {handle.run_id!r}: its folder {handle.folder} is gone."
            )
        return LocalLauncher(self._queue(handle), self.clock)

    def _queue(self, handle: RunHandle) -> Path:
        try:
            return Path(json.loads(Path(handle.folder, _PLACE).read_text())["queue"])
        except (OSError, ValueError, KeyError, TypeError):
            return self.root / "unknown"


def _write(path: Path, values: dict[str, Any]) -> None:
    """Write a file that is whole at every moment; several submitters may do so at once."""
    part = path.with_name(f"{path.name}.{uuid.uuid4().hex}.part")
    part.write_text(json.dumps(values), encoding="utf-8")
    part.replace(path)


def _words(spec: RunSpec, path: Path, slots: int) -> tuple[str, ...]:
    """Return the arguments of `launch.hostfile.start`.

    Raises:
        SubmitError: the run's folder has no configuration, or asks for another number of devices.
    """
    conf: Mapping[str, Any] = spec.compute
    filtered = conf.get("include") or conf.get("exclude")
    if spec.num_devices not in (0, slots) and not filtered:
        raise SubmitError(
            f"compute.num_devices={spec.num_devices}, but {path} has {slots} slots. Write "
            f"compute.num_devices=0 (all of them), or choose with compute.include=."
        )
    words = [str(Path(spec.folder) / "config.yaml"), f"--hostfile={path}"]
    keys = ("include", "exclude", "master_addr", "master_port", "ssh_port")
    words += [f"--{key}={conf[key]}" for key in keys if conf.get(key) is not None]
    words += [f"--launcher-arg={word}" for word in conf.get("launcher_args") or []]
    return tuple(words)
