"""What a launcher takes and gives: `RunSpec`, `RunHandle`, `RunStatus`, `Launcher`.

Whoever writes a launcher subclasses `launch.testing.LauncherContract` with a fixture; every rule of
this page has a test there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Protocol

from cvcore.train.staged import ATTEMPT_VARIABLE
from launch.states import RunState

__all__ = ["ATTEMPT_VARIABLE", "Launcher", "RunHandle", "RunSpec", "RunState", "RunStatus"]

RUN_ID_VARIABLE = "LAKESIGHT_RUN_ID"
"""Environment variable with the run's id; every process of a run has it."""


@dataclass(frozen=True)
class RunSpec:
    """What is to run: `python -m <module> <arguments>`, the same on every launcher.

    Attributes:
        run_id: of the MLflow run, which exists already; letters, digits, `_` and `-`.
        folder: the run's folder on this machine, absolute; holds config.yaml and overrides.yaml.
        module: the entry point.
        arguments: its arguments. Paths inside `folder` are written with it as prefix, so that a
            launcher with another file system can put its own in place.
        workdir: where relative paths of the configuration start; "" means `folder`.
        title: what people call the run; need not be unique.
        user: who submitted it; "" if unknown.
        generation: 0 when the run is new, one more each time a person resumes it.
        num_devices: processes, one per device, of the whole run; 0: all devices of the machine.
        use_cpu: whether it runs on CPUs although there may be GPUs.
        max_retries: how many more attempts follow one that crashed.
        timeout_s: an attempt that takes longer is stopped, seconds; None: no limit.
        cancel_grace_s: between SIGTERM and SIGKILL, seconds; the training saves in it.
        tracking_uri: of the MLflow server; "" if the run is not tracked.
        environment: further environment variables. Never secrets: it is written to files.
        tags: shown by the platform where it can.
        compute: the group `compute` of the configuration, for a launcher's own keys.
    """

    run_id: str
    folder: str
    module: str = "cvcore.train"
    arguments: tuple[str, ...] = ()
    workdir: str = ""
    title: str = ""
    user: str = ""
    generation: int = 0
    num_devices: int = 1
    use_cpu: bool = False
    max_retries: int = 0
    timeout_s: float | None = None
    cancel_grace_s: float = 60.0
    tracking_uri: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    compute: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-able values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> RunSpec:
        """Return what `to_dict` gave; keys of a newer version are left out."""
        known = _known(cls, values)
        return cls(**{**known, "arguments": tuple(known.get("arguments", ()))})


@dataclass(frozen=True)
class RunHandle:
    """How a submitted run is found again, also after a restart; the ledger keeps it.

    Attributes:
        launcher: kind of launcher, e.g. "local".
        run_id: of the spec.
        external_id: what the platform calls it (a job's run id); "" until it has one.
        folder: the run's folder, as the spec had it.
    """

    launcher: str
    run_id: str
    external_id: str = ""
    folder: str = ""

    def to_dict(self) -> dict[str, str]:
        """Return it as JSON-able values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> RunHandle:
        """Return what `to_dict` gave."""
        return cls(**_known(cls, values))


@dataclass(frozen=True)
class RunStatus:
    """How a run is now.

    Attributes:
        state: where it is.
        reason: one sentence: why it waits, failed, was canceled or lost; "" if there is nothing to say.
        external_id: what the platform calls it; "" if it has no name.
        url: where a person looks at it; "" if nowhere.
        submitted_at: seconds since 1970 (UTC), as the others; None: not yet, or not known.
        started_at: when the last attempt began.
        ended_at: when the run came to its final state.
        attempt: number of the last attempt; 0 before the first.
        exit_code: of the last attempt that ended; None if there is none, or it is not known.
    """

    state: RunState
    reason: str = ""
    external_id: str = ""
    url: str = ""
    submitted_at: float | None = None
    started_at: float | None = None
    ended_at: float | None = None
    attempt: int = 0
    exit_code: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-able values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> RunStatus:
        """Return what `to_dict` gave."""
        return cls(**{**_known(cls, values), "state": RunState(values["state"])})


class Launcher(Protocol):
    """Executes runs somewhere. Safe to call from several threads and processes at once."""

    @property
    def kind(self) -> str:
        """Its name in handles and in `compute.kind`."""
        ...

    def submit(self, spec: RunSpec) -> RunHandle:
        """Hand a run over and return at once.

        Idempotent: a run that is known already is not started again, by however many submitters.
        Only a higher `generation` of a run that came to its end starts it anew.

        Raises:
            SubmitError: it can't be handed over; nothing was started.
        """
        ...

    def poll(self, handles: Iterable[RunHandle]) -> Mapping[str, RunStatus]:
        """Return the status of each run by its id, in one go for all of them.

        A run that nothing is known of is LOST; one that can't be asked for now (it is another
        machine's) is left out. Final states do not change.
        """
        ...

    def cancel(self, handle: RunHandle) -> None:
        """Ask a run to stop and return at once; `poll` tells. Of a run that has ended: nothing.

        Raises:
            UnknownRun: nothing is known of the run.
        """
        ...

    def logs(self, handle: RunHandle, cursor: int = 0) -> tuple[str, int]:
        """Return what the run wrote after a cursor, and the cursor after it.

        An answer may be a part; ask until the text is empty. No character is torn. A cursor beyond
        the end gives ("", that cursor).

        Args:
            handle: of the run.
            cursor: 0, or what the last call returned.

        Raises:
            UnknownRun: nothing is known of the run.
        """
        ...


def _known(cls: type, values: Mapping[str, Any]) -> dict[str, Any]:
    names = {item.name for item in fields(cls)}
    return {key: value for key, value in values.items() if key in names}
