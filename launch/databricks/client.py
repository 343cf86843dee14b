"""The connection to a workspace, and what its errors mean to a person."""

from __future__ import annotations

import threading
from typing import Any

from databricks.sdk import WorkspaceClient
from databricks.sdk.clock import Clock as SdkClock
from databricks.sdk.config import Config
from databricks.sdk.errors import (
    BadRequest,
    DeadlineExceeded,
    InternalError,
    NotFound,
    PermissionDenied,
    TemporarilyUnavailable,
    TooManyRequests,
    Unauthenticated,
)
from databricks.sdk.errors.base import DatabricksError
from requests.exceptions import RequestException

from cvcore import __version__
from launch.clock import Clock
from launch.errors import LaunchError

TRANSIENT = (
    TooManyRequests,
    TemporarilyUnavailable,
    DeadlineExceeded,
    InternalError,
    TimeoutError,
    RequestException,
    ConnectionError,
)
"""What may be different a moment later."""

EDGE = (DatabricksError, TimeoutError, RequestException, ConnectionError)
"""Everything a request may raise."""

# A stalled request is sent again after this; a submission carries a token, so that is no second run.
_HTTP_S = 30
_RETRY_S = 60


class _SdkClock(SdkClock):
    """Our clock, as the SDK wants one."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def time(self) -> float:
        return self._clock.now()

    def sleep(self, seconds: float) -> None:
        self._clock.sleep(seconds)


class Clients:
    """One client per profile, made when it is first needed: making one asks the network."""

    def __init__(self, clock: Clock, given: WorkspaceClient | None = None) -> None:
        """Take the clock by which requests are repeated, and a client that is there already."""
        self._clock = clock
        self._known: dict[str | None, WorkspaceClient] = {} if given is None else {None: given}
        self._lock = threading.Lock()

    def get(self, profile: str | None = None) -> WorkspaceClient:
        """Return the client of a profile; None: of the environment.

        Raises:
            LaunchError: there are no credentials, or no such profile.
        """
        with self._lock:
            if profile not in self._known:
                self._known[profile] = connect(self._clock, profile)
            return self._known[profile]


def connect(clock: Clock, profile: str | None = None, token: str = "") -> WorkspaceClient:
    """Return a new client.

    Args:
        clock: by which requests are repeated.
        profile: of credentials; None: those of the environment.
        token: of another person than the environment's, to act as them.

    Raises:
        LaunchError: there are no credentials, or no such profile.
    """
    # Said outright: beside the environment's own credentials it would be one way too many.
    given: dict[str, Any] = {"token": token, "auth_type": "pat"} if token else {}
    try:
        config = Config(
            profile=profile,
            **given,
            http_timeout_seconds=_HTTP_S,
            retry_timeout_seconds=_RETRY_S,
            clock=_SdkClock(clock),
            product="lakesight",
            product_version=__version__,
        )
        return WorkspaceClient(config=config)
    except (ValueError, *EDGE) as error:
        said = str(error).splitlines()[0][:300]
        raise LaunchError(
            f"there is no connection to a Databricks workspace ({said}). Run `databricks auth login "
            "--host https://...`, or set DATABRICKS_HOST and DATABRICKS_TOKEN, or give "
            "compute.profile=."
        ) from error


def is_missing(error: Exception) -> bool:
    """Whether it says that there is no such thing."""
    if isinstance(error, NotFound):
        return True
    # The Jobs API answers 400 for a run or a job that is not there.
    return isinstance(error, BadRequest) and "does not exist" in str(error)


def retry_after_s(error: Exception) -> float | None:
    """Return how long the workspace asks to wait, seconds."""
    found = getattr(error, "retry_after_secs", None)
    return None if found is None else float(found)


def in_words(error: Exception) -> str:
    """Return what went wrong and what to do, in one or two sentences."""
    said = (str(error).strip().splitlines() or [type(error).__name__])[0][:400].rstrip(". ")
    if isinstance(error, Unauthenticated):
        return (
            f"the workspace does not accept the credentials ({said}). Run `databricks auth login`, "
            "or renew DATABRICKS_TOKEN."
        )
    if isinstance(error, PermissionDenied):
        return (
            f"the workspace refuses it: {said}. What each way to run needs is in "
            "docs/permissions.md; `lakesight doctor` says what is missing."
        )
    if isinstance(error, TRANSIENT):
        return f"the workspace does not answer ({said}). Try again in a moment."
    return f"the workspace refuses it: {said}."
