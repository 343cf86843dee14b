"""What an endpoint was asked lately: from its log on this machine, or Model Serving's in Unity Catalog."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cvcore.errors import LakesightError
from launch.monitor import settings
from launch.monitor.model_files import labels_hash, main_version, models_dir
from launch.serving.local.requests_log import Request, Traffic, read, summed
from launch.serving.types import Endpoint, Endpoints

HOUR_S = 3600.0


@dataclass(frozen=True)
class Seen:
    """The requests of a time.

    Attributes:
        requests: oldest first.
        since_s: the time, seconds until now; shorter than asked for where there were too many to read.
        why_not: why they are not known; "" if they are.
        why_no_images: why their images were not recorded; "" if they were.
    """

    requests: Sequence[Request]
    since_s: float
    why_not: str = ""
    why_no_images: str = ""

    def last(self, since_s: float) -> Traffic | None:
        """Return what those of the last seconds say together; None if they are not known."""
        if self.why_not:
            return None
        span = min(since_s, self.since_s)
        after = time.time() - span
        return summed([one for one in self.requests if one.at >= after], span)


def seen_by(endpoints: Endpoints, endpoint: Endpoint, since_s: float = HOUR_S) -> Seen:
    """Return what an endpoint was asked in the last seconds.

    Of one on Model Serving the images that are new are recorded too, and its model's reference is
    fetched: each call asks the SQL warehouse.
    """
    log = getattr(endpoints, "requests_log", None)
    if log is not None:
        return Seen(tuple(read(log(endpoint.name), since_s)), since_s)
    client = getattr(endpoints, "client", None)
    if client is None:
        return Seen((), since_s, f"nobody logs the requests of endpoints on {endpoint.place}.")
    from launch.monitor import serving_log

    try:
        found = serving_log.requests(client, endpoint.name, since_s)
    except LakesightError as error:
        return Seen((), since_s, str(error), str(error))
    if len(found) == serving_log.MOST:
        since_s = time.time() - found[0].at
    return Seen(tuple(found), since_s, why_no_images=_recorded(endpoints, endpoint, client))


def _recorded(endpoints: Endpoints, endpoint: Endpoint, client: Any) -> str:
    """Record what is new of an endpoint on Model Serving; return why that can't be, "" if it was."""
    from launch.monitor.served_files import fetch
    from launch.monitor.serving_log import record_new

    name = main_version(endpoint)
    main = next((one for one in endpoint.served if one.name == name), None)
    if main is None:
        return "the endpoint serves nothing yet."
    folder = settings.folder_of(endpoint.place, endpoint.name)
    model = models_dir(endpoints, endpoint.name) / name
    try:
        fetch(main, model, client.config.profile)
        record_new(client, endpoint.name, name, labels_hash(model), folder, settings.read(folder))
    except LakesightError as error:
        return str(error)
    return ""
