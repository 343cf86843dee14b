"""What is known of a submitted run, found again from its handle after a restart."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from databricks.sdk.service.jobs import Run

from launch.base import RunHandle
from launch.databricks.volume import Volume
from launch.node.layout import SPEC_PARAMETER, RunFolder

FILE = "databricks.json"
_SUBMITTED = re.compile(r"^submitted-(\d+)\.json$")
_SPEC = re.compile(r"^(/Volumes/.+)/runs/([^/]+)/spec-(\d+)\.json$")


@dataclass(frozen=True)
class Record:
    """One submission of a run.

    Attributes:
        volume: the folder on a Volume.
        run_id: of MLflow.
        generation: how often it was resumed.
        external_id: the platform's run.
        submitted_at: seconds since 1970 (UTC).
        cancel_grace_s: how long the node lets the training save.
        profile: of the workspace's credentials.
        cancel_at: when this process saw that a person asked to stop; None: nobody did.
    """

    volume: str
    run_id: str
    generation: int
    external_id: str
    submitted_at: float
    cancel_grace_s: float = 60.0
    profile: str | None = None
    cancel_at: float | None = None

    @property
    def folder(self) -> RunFolder:
        """Where the run lies."""
        return RunFolder(self.volume, self.run_id)

    def handle(self, folder: str) -> RunHandle:
        """Return how it is found again."""
        return RunHandle("databricks", self.run_id, self.external_id, folder)

    def keep(self, volume: Volume, local: str) -> None:
        """Write it where the submitter and everybody else finds it.

        Raises:
            DatabricksError: the Volume can't be written.
        """
        values = {
            "external_id": self.external_id,
            "submitted_at": self.submitted_at,
            "cancel_grace_s": self.cancel_grace_s,
        }
        volume.write_json(self.folder.submitted(self.generation), values)
        remember(local, self.volume, self.profile)


def remember(local: str, volume: str, profile: str | None) -> None:
    """Keep in the run's folder of this machine where it went; without one nothing is lost."""
    if local and Path(local).is_dir():
        values = {"volume": volume, "profile": profile}
        (Path(local) / FILE).write_text(json.dumps(values), encoding="utf-8")


def remembered(local: str) -> dict[str, Any]:
    """Return what `remember` kept, {} if nothing."""
    try:
        return dict(json.loads((Path(local) / FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {}


def newest(
    volume: Volume, root: str, run_id: str, profile: str | None, now: float
) -> Record | None:
    """Return a run's last submission, None where there was none.

    Raises:
        DatabricksError: the Volume can't be read.
    """
    folder = RunFolder(root, run_id)
    names = volume.list(folder.path) or {}
    for generation in sorted(_generations(names), reverse=True):
        values = volume.read_json(folder.submitted(generation))
        if values is None:
            continue
        record = Record(
            root,
            run_id,
            generation,
            str(values["external_id"]),
            float(values["submitted_at"]),
            float(values.get("cancel_grace_s", 60.0)),
            profile,
        )
        if f"cancel-{generation}" in names:
            record = replace(record, cancel_at=now)
        return record
    return None


def _generations(names: Iterable[str]) -> list[int]:
    return [int(match[1]) for match in map(_SUBMITTED.match, names) if match]


def volume_of(run: Run, run_id: str) -> str | None:
    """Return the Volume's folder from what a run of the platform was given; None: not ours."""
    words = [p.value for p in run.job_parameters or [] if p.name == SPEC_PARAMETER]
    for task in run.tasks or []:
        wheel = task.python_wheel_task
        words.append(((wheel.named_parameters if wheel else None) or {}).get(SPEC_PARAMETER))
    for word in words:
        match = _SPEC.match(word or "")
        if match and match[2] == run_id:
            return match[1]
    return None
