"""What a test can make go wrong: answers of the API, and the machines that run tasks."""

from __future__ import annotations

import fnmatch
import threading
from dataclasses import asdict, dataclass
from typing import Any

from cvcore.errors import did_you_mean
from launch.workspace.errors import invalid

# What an API rule may do, besides answering with a number (an HTTP status).
ACTIONS = (
    "timeout",  # no answer, and nothing happened
    "drop",  # the connection closes, and nothing happened
    "drop_after_commit",  # done, but the connection closes before the answer
    "timeout_after_commit",  # done, but no answer
    "duplicate",  # a proxy delivers the request twice
    "permission_denied",
)
# What can happen to a machine: (termination code, type, cluster reason, message).
COMPUTE = {
    "stockout": (
        "CLOUD_FAILURE",
        "CLOUD_FAILURE",
        "AWS_INSUFFICIENT_INSTANCE_CAPACITY_FAILURE",
        "The cloud has no {node_type} left in this zone (InsufficientInstanceCapacity).",
    ),
    "quota": (
        "CLUSTER_REQUEST_LIMIT_EXCEEDED",
        "CLIENT_ERROR",
        "CLOUD_PROVIDER_LAUNCH_FAILURE",
        "The account's quota for {node_type} is used up (VcpuLimitExceeded).",
    ),
    "library": (
        "LIBRARY_INSTALLATION_ERROR",
        "CLIENT_ERROR",
        "",
        "Library installation failed: pip could not install the libraries of this task.",
    ),
    "bootstrap": (
        "CLUSTER_ERROR",
        "INTERNAL_ERROR",
        "BOOTSTRAP_TIMEOUT",
        "The cluster did not start: bootstrap timed out.",
    ),
    "eviction": (
        "CLUSTER_ERROR",
        "CLOUD_FAILURE",
        "SPOT_INSTANCE_TERMINATION",
        "The spot instance {node_type} was taken back by the cloud.",
    ),
    "driver": (
        "DRIVER_ERROR",
        "INTERNAL_ERROR",
        "DRIVER_UNRESPONSIVE",
        "The driver restarted unexpectedly (out of memory?).",
    ),
}
_REASONS = {408: "REQUEST_TIMEOUT", 429: "REQUEST_LIMIT_EXCEEDED", 500: "INTERNAL_ERROR"}


@dataclass
class ApiFault:
    """Applies to the next `times` requests of `method` whose path matches `path`."""

    id: int
    method: str
    path: str
    status: int | str
    times: int
    retry_after: int | None
    message: str
    hits: int = 0

    def code(self) -> str:
        """Return the error code that goes with the status."""
        return _REASONS.get(int(self.status), "TEMPORARILY_UNAVAILABLE")


@dataclass
class ComputeFault:
    """Applies to the next `times` tasks whose key matches, `after_s` seconds into running."""

    id: int
    kind: str
    task_key: str
    times: int
    after_s: float


class Faults:
    """The rules in force; each is used up after its number of times."""

    def __init__(self) -> None:
        """Start without any."""
        self._lock = threading.Lock()
        self._next = 1
        self.api: list[ApiFault] = []
        self.machines: list[ComputeFault] = []

    def add(
        self,
        method: str,
        path: str,
        times: int = 1,
        status: int | str = 503,
        retry_after: int | None = None,
        message: str = "injected by a test",
    ) -> ApiFault:
        """Make matching requests fail.

        Args:
            method: HTTP verb, or * for all.
            path: glob on the URL's path; * also matches slashes.
            times: how often; -1 for always.
            status: an HTTP status, or one of `ACTIONS`.
            retry_after: seconds for the Retry-After header of 429 and 503.
            message: the error's text.
        """
        if not isinstance(status, int) and status not in ACTIONS:
            raise ValueError(f"fault {status!r} is not a number or one of {', '.join(ACTIONS)}.")
        with self._lock:
            fault = ApiFault(self._id(), method, path, status, times, retry_after, message)
            self.api.append(fault)
        return fault

    def compute(
        self, kind: str, task_key: str = "*", times: int = 1, after_s: float = 0
    ) -> ComputeFault:
        """Make the machine of matching tasks fail, before it starts or `after_s` after."""
        if kind not in COMPUTE:
            known = ", ".join(COMPUTE)
            raise ValueError(
                f"compute fault {kind!r} is not one of {known}.{did_you_mean(kind, COMPUTE)}"
            )
        with self._lock:
            fault = ComputeFault(self._id(), kind, task_key, times, after_s)
            self.machines.append(fault)
        return fault

    def clear(self) -> None:
        """Forget every rule."""
        with self._lock:
            self.api.clear()
            self.machines.clear()

    def take_api(self, method: str, path: str) -> ApiFault | None:
        """Return the first rule for this request, counting it."""
        with self._lock:
            for fault in self.api:
                if fault.times == 0 or fault.method not in ("*", method):
                    continue
                if fnmatch.fnmatchcase(path, fault.path):
                    fault.times -= fault.times > 0
                    fault.hits += 1
                    return fault
        return None

    def take_compute(self, task_key: str, running_s: float | None) -> ComputeFault | None:
        """Return the rule that strikes this task now; `running_s` is None before it starts."""
        with self._lock:
            for fault in self.machines:
                running = fault.kind in ("eviction", "driver")
                if fault.times == 0 or running != (running_s is not None):
                    continue
                if running_s is not None and running_s < fault.after_s:
                    continue
                if fnmatch.fnmatchcase(task_key, fault.task_key):
                    fault.times -= fault.times > 0
                    return fault
        return None

    def add_json(self, body: dict[str, Any]) -> dict[str, Any]:
        """Add a rule that came over HTTP: {"compute": kind, ...} or {"method", "path", ...}."""
        try:
            if "compute" in body:
                rest = {k: v for k, v in body.items() if k != "compute"}
                return asdict(self.compute(body["compute"], **rest))
            return asdict(self.add(**body))
        except (TypeError, ValueError) as error:
            raise invalid(f"Not a fault: {error}") from error

    def listing(self) -> dict[str, Any]:
        """Return all rules as JSON, used up or not."""
        with self._lock:
            return {
                "api": [asdict(fault) for fault in self.api],
                "compute": [asdict(fault) for fault in self.machines],
            }

    def _id(self) -> int:
        self._next += 1
        return self._next - 1
