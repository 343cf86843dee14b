"""How an endpoint is: state, traffic, drift, alerts, in one look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cvcore.config.schema import MonitoringConf
from cvcore.errors import LakesightError
from cvcore.monitor.drift import DRIFTED, UNKNOWN, Drift, Limits, drifts, worst
from cvcore.monitor.reference import Reference, gather
from launch.monitor import settings
from launch.monitor.alerts import Alert, Alerts
from launch.monitor.model_files import main_version, models_dir, reference_of
from launch.monitor.record import Record
from launch.monitor.requests import HOUR_S, Seen, seen_by
from launch.monitor.store import Store
from launch.serving.local.requests_log import Traffic
from launch.serving.types import Endpoint, Endpoints, EndpointState

_DOWN = (EndpointState.DOWN, EndpointState.FAILED)


@dataclass(frozen=True)
class Look:
    """How an endpoint is.

    Attributes:
        endpoint: as its place says.
        traffic: of the last hour; None if it is not known.
        why_no_traffic: why it is not; "" if it is.
        served: the version that drift is of; "" if there is none.
        num_records: recorded images that drift is of.
        drift: of each feature; empty if it can't be told.
        verdict: the worst of them.
        why_not: why drift can't be told; "" if it is.
        alerts: open ones first.
    """

    endpoint: Endpoint
    traffic: Traffic | None
    why_no_traffic: str
    served: str
    num_records: int
    drift: tuple[Drift, ...]
    verdict: str
    why_not: str
    alerts: tuple[Alert, ...]


def look(endpoints: Endpoints, name: str, seen: Seen | None = None) -> Look:
    """Return how an endpoint is.

    Args:
        endpoints: of its place.
        name: of the endpoint.
        seen: what it was asked, of an hour or more; None: it is read now, of Model Serving by a
            question to the SQL warehouse.

    Raises:
        EndpointError: there is none.
    """
    endpoint = endpoints.get(name)
    seen = seen or seen_by(endpoints, endpoint)
    folder = settings.folder_of(endpoint.place, name)
    conf = settings.read(folder)
    served = main_version(endpoint)
    records = newest(folder, served, conf)
    found, why_not = drift_of(records, models_dir(endpoints, name) / served, conf)
    if not records and seen.why_no_images:
        why_not = seen.why_no_images
    return Look(
        endpoint,
        seen.last(HOUR_S),
        seen.why_not,
        served,
        len(records),
        tuple(found),
        worst(found),
        why_not,
        tuple(Alerts(folder, name).all()),
    )


def check(endpoints: Endpoints, name: str) -> tuple[Look, list[Alert]]:
    """Return how an endpoint is, and the alerts that this look has changed; those are told.

    Raises:
        EndpointError: there is none.
    """
    seen = look(endpoints, name)
    folder = settings.folder_of(seen.endpoint.place, name)
    alerts = Alerts(folder, name)
    changed = alerts.update(judged(seen, settings.read(folder)))
    return Look(**{**seen.__dict__, "alerts": tuple(alerts.all())}), changed


def judged(seen: Look, conf: MonitoringConf) -> dict[str, str | None]:
    """Return what could be judged: alert's key -> what is wrong, None if nothing is."""
    state, found = seen.endpoint.state, seen.traffic
    said: dict[str, str | None] = {"state": None}
    if state in _DOWN:
        said["state"] = f"it is {state}: {seen.endpoint.message}"
    if found is not None and found.requests >= conf.alert_requests:
        rate = found.failed / found.requests
        said["errors"] = said["latency"] = None
        if rate > conf.max_error_rate:
            said["errors"] = (
                f"{100 * rate:.0f} % of the last hour's {found.requests} requests failed; at most "
                f"{100 * conf.max_error_rate:.0f} % may."
            )
        if found.p95_s is not None and found.p95_s > conf.max_p95_s:
            said["latency"] = (
                f"95 of 100 answers took up to {found.p95_s:.2f} s; {conf.max_p95_s:g} s is the limit."
            )
    for one in seen.drift:
        if one.verdict != UNKNOWN:
            bad = one.verdict == DRIFTED
            said[f"drift/{one.feature}"] = (
                f"{one.feature}: {one.words} (PSI {one.psi:.2f})" if bad else None
            )
    return said


def drift_of(
    records: Sequence[Record], served: Path, conf: MonitoringConf
) -> tuple[list[Drift], str]:
    """Return the drift of records against the training of a served version, or why it can't be told."""
    if not records:
        return (
            [],
            "no image was recorded of this version yet; ask the endpoint, e.g. with lakesight query",
        )
    try:
        reference = reference_of(served)
    except LakesightError as error:
        return [], str(error)
    return compared(records, reference, conf), ""


def compared(records: Sequence[Record], reference: Reference, conf: MonitoringConf) -> list[Drift]:
    """Return the drift of records against a reference."""
    features: dict[str, list[float]] = {}
    classes: dict[str, float] = {}
    numbers: dict[str, list[float]] = {}
    for one in records:
        for key, value in one.features.items():
            features.setdefault(key, []).append(value)
        gather(one.said, one.size_hw, classes, numbers)
    limits = Limits(conf.psi_shifted, conf.psi_drifted, conf.drift_least)
    return drifts(reference, features, classes, numbers, limits)


def newest(folder: Path, served: str, conf: MonitoringConf) -> list[Record]:
    """Return the newest records of a version, newest first."""
    found = Store(folder).newest(4 * conf.drift_images)
    return [one for one in found if one.served == served][: conf.drift_images]
