"""What an endpoint is: `Endpoint`, `Served`, `Wish`, and `Endpoints`, which every place offers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

from cvcore.errors import did_you_mean
from launch.errors import LaunchError
from launch.serving.models import ModelRef

_NAME = re.compile(r"[A-Za-z0-9_-]{1,63}")


class EndpointError(LaunchError):
    """An endpoint that is not there, or can't do what is asked."""


class EndpointState(StrEnum):
    """How an endpoint is."""

    CREATING = "CREATING"
    """Its first model is built and loaded."""
    UPDATING = "UPDATING"
    """It answers, and a change is under way."""
    READY = "READY"
    """It answers."""
    UPDATE_FAILED = "UPDATE_FAILED"
    """It answers as before, the last change did not succeed."""
    FAILED = "FAILED"
    """It never answered."""
    STOPPED = "STOPPED"
    """A person stopped it."""
    DOWN = "DOWN"
    """Its process is gone."""

    @property
    def answers(self) -> bool:
        """Whether requests are answered."""
        return self in (
            EndpointState.READY,
            EndpointState.UPDATING,
            EndpointState.UPDATE_FAILED,
        )

    @property
    def is_settled(self) -> bool:
        """Whether it stays so until somebody does something."""
        return self not in (EndpointState.CREATING, EndpointState.UPDATING)


@dataclass(frozen=True)
class Served:
    """One model version behind an endpoint.

    Attributes:
        name: of this version behind the endpoint; letters, digits, `-`, `_`.
        model: the registered model's name, or the folder of the run.
        version: of the registered model; "" of a folder.
        share: of the traffic, percent; 0 while it is being built.
        state: CREATING, READY or FAILED.
        message: one sentence; "" if there is nothing to say.
        workload: e.g. "GPU_SMALL Small, scales to zero"; "" on this machine.
    """

    name: str
    model: str
    version: str = ""
    share: int = 0
    state: str = ""
    message: str = ""
    workload: str = ""


@dataclass(frozen=True)
class Endpoint:
    """An endpoint as it is now.

    Attributes:
        name: unique in its place.
        place: "local" or "databricks".
        state: see `EndpointState`.
        message: one sentence: why it waits, failed or is down; "" if there is nothing to say.
        url: requests are POSTed there; "" if it has none now.
        served: the model versions behind it.
        created_at: seconds since 1970 (UTC).
        creator: who made it.
        can_roll_back: whether there is a former configuration to go back to.
        page: where a person looks at it; "" if nowhere.
    """

    name: str
    place: str
    state: EndpointState
    message: str = ""
    url: str = ""
    served: tuple[Served, ...] = ()
    created_at: float = 0.0
    creator: str = ""
    can_roll_back: bool = False
    page: str = ""


@dataclass(frozen=True)
class Wish:
    """What is to be deployed.

    Attributes:
        name: of the endpoint; it is created if there is none.
        model: to serve.
        share: percent of the traffic that the new version gets beside the present one; 100: all.
        workload_type: Databricks: CPU, GPU_SMALL ...
        workload_size: Databricks: Small, Medium or Large.
        scale_to_zero: Databricks: whether it stops while nobody asks.
        environment: variables of the model's process; Databricks: may name secrets.
        inference_table: Databricks: catalog.schema[.prefix] of the requests' log; "" for none.
        user: who deploys.
    """

    name: str
    model: ModelRef
    share: int = 100
    workload_type: str = "CPU"
    workload_size: str = "Small"
    scale_to_zero: bool = True
    environment: Mapping[str, str] = field(default_factory=dict)
    inference_table: str = ""
    user: str = ""


class Posted(NamedTuple):
    """What an endpoint answered.

    Attributes:
        body: of the answer.
        served: the version that gave it; "" if the endpoint does not tell.
        model_s: how long the model's server took, seconds; None if the endpoint does not tell.
    """

    body: dict[str, Any]
    served: str
    model_s: float | None = None


class Endpoints(Protocol):
    """The endpoints of one place. Holds nothing: another one knows the same."""

    @property
    def place(self) -> str:
        """Its name."""
        ...

    def all(self) -> list[Endpoint]:
        """Return all of them, by name."""
        ...

    def get(self, name: str) -> Endpoint:
        """Return one.

        Raises:
            EndpointError: there is none; names the nearest.
        """
        ...

    def deploy(self, wish: Wish) -> Endpoint:
        """Create or change an endpoint and return at once; `get` tells when it is READY.

        A version that is replaced answers until the new one does.

        Raises:
            EndpointError: it can't be; nothing was changed.
        """
        ...

    def set_traffic(self, name: str, shares: Mapping[str, int]) -> Endpoint:
        """Divide the traffic among served versions by name, percent; those left out are taken away.

        Raises:
            EndpointError: no such version, or the shares don't add up to 100.
        """
        ...

    def roll_back(self, name: str) -> Endpoint:
        """Go back to the versions and shares before the last change; a second call undoes it.

        Raises:
            EndpointError: there was no change.
        """
        ...

    def start(self, name: str) -> Endpoint:
        """Start one that is stopped or down."""
        ...

    def stop(self, name: str) -> Endpoint:
        """Stop it and keep what it is."""
        ...

    def delete(self, name: str) -> None:
        """Remove it with all that belongs to it."""
        ...

    def logs(self, name: str, served: str = "", what: str = "service") -> str:
        """Return the end of what was written.

        Args:
            name: of the endpoint.
            served: of the version; "": the newest.
            what: "build" or "service".
        """
        ...

    def post(self, name: str, body: Mapping[str, Any]) -> Posted:
        """Send a request; return the answer's body, which served version gave it, and how fast.

        Raises:
            EndpointError: it does not answer, or refuses: `RequestRefused` for what is the caller's.
        """
        ...


class RequestRefused(EndpointError):  # noqa: N818 (the name reads as the message does)
    """A request that is the caller's fault: 400, or too large."""


def check_name(name: str) -> str:
    """Return a name that an endpoint may have.

    Raises:
        EndpointError: it may not.
    """
    if not _NAME.fullmatch(name):
        raise EndpointError(
            f"{name!r} can't be an endpoint's name: 1 to 63 letters, digits, - and _."
        )
    return name


def check_shares(name: str, shares: Mapping[str, int], known: Sequence[str]) -> dict[str, int]:
    """Return the shares above 0.

    Raises:
        EndpointError: no such version, or they don't add up to 100.
    """
    for key, share in shares.items():
        if key not in known:
            raise EndpointError(
                f"endpoint {name} serves no {key!r}. It serves: {', '.join(known)}."
                f"{did_you_mean(key, known)}"
            )
        if not 0 <= share <= 100:
            raise EndpointError(f"{key}={share} is not a share: give 0 to 100 percent.")
    if (total := sum(shares.values())) != 100:
        raise EndpointError(f"the shares add up to {total} percent. Together they must be 100.")
    return {key: share for key, share in shares.items() if share}


def missing(name: str, known: Sequence[str], place: str) -> EndpointError:
    """Return the error for an endpoint that is not there."""
    there = ", ".join(known) or "none yet; `lakesight deploy` makes one"
    return EndpointError(
        f"there is no endpoint {name!r} ({place}). Endpoints: {there}.{did_you_mean(name, known)}"
    )
