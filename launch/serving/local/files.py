"""What an endpoint's folder keeps; see the package."""

from __future__ import annotations

import contextlib
import fcntl
import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import IO, Any

from launch.local.files import write_json
from launch.local.queue import state_dir
from launch.serving.models import ModelRef


@dataclass(frozen=True)
class WantedModel:
    """A model that is to be served.

    Attributes:
        name: behind the endpoint.
        model: which one.
        environment: variables of its process.
    """

    name: str
    model: ModelRef
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """Versions and their shares of the traffic, percent."""

    models: tuple[WantedModel, ...] = ()
    shares: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Wanted:
    """What people asked for.

    Attributes:
        name: of the endpoint.
        port: where it answers; the same after every start.
        plan: what it is to serve.
        former: what it served before the last change; None: there was none.
        stopped: whether it is to rest.
        created_at: seconds since 1970 (UTC).
        creator: who made it.
        changes: how often it was changed.
    """

    name: str
    port: int
    plan: Plan
    former: Plan | None = None
    stopped: bool = False
    created_at: float = 0.0
    creator: str = ""
    changes: int = 0

    def changed(self, plan: Plan) -> Wanted:
        """Return it with another plan; the present one is what to go back to."""
        return replace(self, plan=plan, former=self.plan, stopped=False, changes=self.changes + 1)


@dataclass(frozen=True)
class ServedNow:
    """How a version is: CREATING, READY or FAILED, a sentence, and its process."""

    state: str
    message: str = ""
    process: str = ""
    port: int = 0


@dataclass(frozen=True)
class Now:
    """How the endpoint is, by its manager.

    Attributes:
        manager: identity of its process.
        serving: the shares that are in force.
        served: every version, wanted or still answering.
        changes: of the plan that these belong to.
        message: why the last change did not succeed; "".
    """

    manager: str
    serving: dict[str, int] = field(default_factory=dict)
    served: dict[str, ServedNow] = field(default_factory=dict)
    changes: int = 0
    message: str = ""


class EndpointFiles:
    """Reads and writes an endpoint's folder."""

    def __init__(self, folder: Path) -> None:
        """Take the folder; nothing is touched."""
        self.folder = folder
        self.wanted = folder / "wanted.json"
        self.status = folder / "status.json"
        self.models = folder / "models"
        self.logs = folder / "logs"
        self.requests = folder / "requests.jsonl"

    def log(self, served: str, what: str) -> Path:
        """Return the log of a version: "build" or "service"; of the manager with served=""."""
        if not served:
            return self.logs / "manager.log"
        return self.logs / (f"{served}.build.log" if what == "build" else f"{served}.log")

    def read_wanted(self) -> Wanted | None:
        """Return what is wanted, None where there is no endpoint."""
        values = _read(self.wanted)
        if values is None:
            return None
        former = values.pop("former")
        plan = _plan(values.pop("plan"))
        return Wanted(**values, plan=plan, former=None if former is None else _plan(former))

    def write_wanted(self, wanted: Wanted) -> None:
        """Say what is wanted; for the owner's eyes: variables may be secret."""
        self.folder.mkdir(parents=True, exist_ok=True)
        write_json(self.wanted, asdict(wanted), mode=0o600)

    def read_now(self) -> Now | None:
        """Return how it is, None before its manager said anything."""
        values = _read(self.status)
        if values is None:
            return None
        served = {key: ServedNow(**one) for key, one in values.pop("served").items()}
        return Now(**values, served=served)

    def write_now(self, now: Now) -> None:
        """Say how it is."""
        write_json(self.status, asdict(now))

    def try_lock(self) -> IO[bytes] | None:
        """Return the manager's lock, taken, or None while a manager lives."""
        file = (self.folder / "lock").open("ab")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return None
        return file

    @contextlib.contextmanager
    def changing(self) -> Iterator[None]:
        """Hold the endpoint while it is changed: one process and thread at a time."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "change.lock").open("ab") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            yield

    def remove(self) -> None:
        """Remove the folder. What it wanted goes first: a torn folder is no endpoint."""
        self.wanted.unlink(missing_ok=True)
        shutil.rmtree(self.folder, ignore_errors=True)


def endpoints_dir() -> Path:
    """Return the folder of this machine's endpoints."""
    return state_dir() / "endpoints"


def _plan(values: dict[str, Any]) -> Plan:
    models = tuple(
        WantedModel(one["name"], ModelRef.from_dict(one["model"]), one["environment"])
        for one in values["models"]
    )
    return Plan(models, {key: int(share) for key, share in values["shares"].items()})


def _read(path: Path) -> dict[str, Any] | None:
    try:
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    return values
