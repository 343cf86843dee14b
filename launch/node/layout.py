"""A run's folder on a Volume: what submitter and node tell each other.

    <volume>/code/<hash>/lakesight-*.whl, requirements.txt
    <volume>/runs/<run id>/
        spec-<g>.json       what generation g is to run; by the submitter
        files-<g>/          config.yaml, overrides.yaml, ...; by the submitter
        submitted-<g>.json  the platform's id of generation g; by the submitter
        cancel-<g>          exists once a person asked to stop; by the submitter
        status-<g>.json     how it is, and how it ended; by the node
        logs/<offset>.txt   what it wrote, in parts named by their first byte; by the node
        durable/            checkpoints and the best model; by the training

Every file is written in one go and never appended to: a Volume is an object store. Who reads one
that is just being written finds no JSON and asks again.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, fields
from pathlib import PurePosixPath
from typing import Any

from launch.base import RunSpec, RunState
from launch.errors import SubmitError

SPEC_PARAMETER = "spec"
"""Name of the job parameter with the path of the spec."""

_VOLUME = re.compile(r"^/Volumes/[^/]+/[^/]+/[^/]+(/[^/]+)*$")
_CHUNK = re.compile(r"^(\d{16})\.txt$")


@dataclass(frozen=True)
class RunFolder:
    """The paths of one run, as every node and the Files API name them."""

    volume: str
    run_id: str

    @property
    def path(self) -> str:
        """The folder itself."""
        return f"{self.volume}/runs/{self.run_id}"

    @property
    def durable(self) -> str:
        """Where the training copies checkpoints."""
        return f"{self.path}/durable"

    @property
    def logs(self) -> str:
        """Where the log's parts are."""
        return f"{self.path}/logs"

    def spec(self, generation: int) -> str:
        """What is to run."""
        return f"{self.path}/spec-{generation}.json"

    def files(self, generation: int) -> str:
        """The submitter's files."""
        return f"{self.path}/files-{generation}"

    def submitted(self, generation: int) -> str:
        """The platform's id."""
        return f"{self.path}/submitted-{generation}.json"

    def cancel(self, generation: int) -> str:
        """The wish to stop."""
        return f"{self.path}/cancel-{generation}"

    def status(self, generation: int) -> str:
        """How it is."""
        return f"{self.path}/status-{generation}.json"


def require_volume(path: str | None) -> str:
    """Return a Volume's folder without a slash at its end.

    Raises:
        SubmitError: there is none, or it is not on a Volume.
    """
    if not path:
        raise SubmitError(
            "no Volume is given for code, checkpoints and logs. Write compute.volume=/Volumes/"
            "<catalog>/<schema>/<volume>, or set LAKESIGHT_VOLUME."
        )
    clean = path.removeprefix("dbfs:").rstrip("/")
    if ".." in PurePosixPath(clean).parts or not _VOLUME.match(clean):
        raise SubmitError(
            f"compute.volume={path} is not a folder on a Volume. Give /Volumes/<catalog>/<schema>/"
            "<volume>, with a folder below it if you like."
        )
    return clean


@dataclass(frozen=True)
class NodeSpec:
    """What a node is to do.

    Attributes:
        run: what the submitter handed over; `folder` is a path of the submitter's machine.
        volume: the folder on a Volume that everything lies below.
        code: hash of the code that the submitter has.
        local_dir: folder on the node's own disk.
        num_nodes: machines that train.
        gpus_per_node: devices of each; 0: all there are.
        platform_retries: how often the platform itself may try again.
        log_interval_s: how often new output goes to the Volume, seconds; grows in a long run.
    """

    run: RunSpec
    volume: str
    code: str = ""
    local_dir: str = "/local_disk0/lakesight"
    num_nodes: int = 1
    gpus_per_node: int = 0
    platform_retries: int = 0
    log_interval_s: float = 3.0

    @property
    def folder(self) -> RunFolder:
        """Where it lies on the Volume."""
        return RunFolder(self.volume, self.run.run_id)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-able values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> NodeSpec:
        """Return what `to_dict` gave; keys of a newer version are left out."""
        known = {f.name: values[f.name] for f in fields(cls) if f.name in values}
        return cls(**{**known, "run": RunSpec.from_dict(known["run"])})


@dataclass(frozen=True)
class NodeStatus:
    """What a node says of its run.

    Attributes:
        attempt: number of the last attempt, 1 for the first.
        started_at: when it began, seconds since 1970 (UTC).
        state: RUNNING, QUEUED (another attempt follows), or how it ended.
        reason: a sentence; "" if there is nothing to say.
        exit_code: of the last attempt that ended.
        ended_at: when the run came to its final state.
        alive_at: when the node last said that it lives.
        job_run_id: of the platform's run.
    """

    attempt: int = 0
    started_at: float | None = None
    state: RunState = RunState.PENDING
    reason: str = ""
    exit_code: int | None = None
    ended_at: float | None = None
    alive_at: float = 0.0
    job_run_id: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-able values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> NodeStatus:
        """Return what `to_dict` gave; keys of a newer version are left out."""
        known = {f.name: values[f.name] for f in fields(cls) if f.name in values}
        return cls(**{**known, "state": RunState(known["state"])})


def chunk_name(offset: int) -> str:
    """Return the name of the log's part that starts at a byte."""
    return f"{offset:016d}.txt"


def chunk_offset(name: str) -> int | None:
    """Return at which byte a part starts, None if the name is not a part's."""
    match = _CHUNK.match(name)
    return int(match.group(1)) if match else None
