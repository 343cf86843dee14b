"""A node's word on its run, kept on the Volume."""

from __future__ import annotations

import json
import logging
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from cvcore.data.places import localise
from launch.base import RunState
from launch.clock import Clock
from launch.node.layout import NodeSpec, NodeStatus

_log = logging.getLogger(__name__)

_TRIES = 5
_ALIVE_S = 60.0


class StatusFile:
    """Reads and writes `status-<g>.json`; a Volume that is away for a moment stops nothing."""

    def __init__(self, spec: NodeSpec, job_run_id: str, clock: Clock) -> None:
        """Read what an earlier node of this generation said.

        Args:
            spec: of the run.
            job_run_id: the platform's run.
            clock: tells time.
        """
        generation = spec.run.generation
        self.path = localise(spec.folder.status(generation))
        self.cancel_path = localise(spec.folder.cancel(generation))
        self.clock = clock
        self.current = replace(self._read(), job_run_id=job_run_id)

    def _read(self) -> NodeStatus:
        values = read_json(self.path)
        return NodeStatus() if values is None else NodeStatus.from_dict(values)

    def say(self, state: RunState, **changes: Any) -> None:
        """Change what is said, and keep it on the Volume."""
        now = self.clock.now()
        ended_at = now if state.is_final else None
        changed = replace(self.current, state=state, alive_at=now, ended_at=ended_at, **changes)
        self.current = changed
        self._write(tries=_TRIES)

    def still_alive(self) -> None:
        """Say now and then that the node lives."""
        now = self.clock.now()
        if now - self.current.alive_at >= _ALIVE_S:
            self.current = replace(self.current, alive_at=now)
            self._write(tries=1)

    def is_canceled(self) -> bool:
        """Whether a person asked to stop."""
        try:
            return self.cancel_path.exists()
        except OSError:
            return False

    def _write(self, tries: int) -> None:
        for number in range(tries):
            try:
                write_json(self.path, self.current.to_dict())
                return
            except OSError as error:
                _log.warning("%s can't be written (%s)", self.path, error)
                if number + 1 < tries:
                    time.sleep(0.5 * 2**number)


def read_json(path: Path) -> dict[str, Any] | None:
    """Return a file's values; None where there is none, or it is just being written."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return values if isinstance(values, dict) else None


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Write a file in one go.

    Raises:
        OSError: the place can't be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values, indent=1), encoding="utf-8")
