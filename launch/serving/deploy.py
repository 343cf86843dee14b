"""Deploys a model from what a person says: model, place, name, overrides of `serving`."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from cvcore.config.schema import MonitoringConf, ServingConf
from launch.account import account
from launch.monitor import settings
from launch.serving.models import ModelRef, resolve
from launch.serving.places import get_place
from launch.serving.types import Endpoint, Endpoints, Wish

Changed = Callable[[Endpoint], None]


def serving_conf(overrides: Sequence[str] = ()) -> ServingConf:
    """Return the group `serving` of a configuration.

    Raises:
        ConfigError: an override is not one.
    """
    from cvcore.config.composer import Composer

    return Composer().load(overrides).serving


def model_for(word: str, place: str, endpoints: Endpoints, tracking_uri: str = "") -> ModelRef:
    """Return the model that a word means in a place.

    Raises:
        LakesightError: there is none.
    """
    if place == "databricks" and _looks_registered(word):
        from launch.serving.databricks import DatabricksEndpoints, latest

        assert isinstance(endpoints, DatabricksEndpoints)
        return latest(endpoints.client, word)
    return resolve(word, tracking_uri)


def deploy(
    word: str,
    *,
    place: str = "",
    name: str = "",
    share: int = 100,
    conf: ServingConf | None = None,
    monitoring: MonitoringConf | None = None,
    tracking_uri: str = "",
    user: str = "",
    endpoints: Endpoints | None = None,
) -> Endpoint:
    """Create or change an endpoint and return at once; see `Endpoints.deploy`.

    Args:
        word: the model; see `models.resolve`.
        place: local or databricks; "": as the configuration says.
        name: of the endpoint; "": the model's.
        share: percent of the traffic for the new version.
        conf: the group `serving`; None: its defaults.
        monitoring: the group `monitoring`; None: as the endpoint was watched before, else its defaults.
        tracking_uri: of the MLflow server with registered models; "": as the environment says.
        user: who deploys; "": the account of this process.
        endpoints: of the place; None: made.

    Raises:
        LakesightError: it can't be; nothing was changed.
    """
    conf = conf or serving_conf()
    place = place or conf.place
    endpoints = endpoints or get_place(place, conf.profile)
    model = model_for(word, place, endpoints, tracking_uri)
    wish = Wish(
        name or default_name(model),
        model,
        share,
        conf.workload_type,
        conf.workload_size,
        conf.scale_to_zero,
        dict(conf.environment_vars),
        conf.inference_table or "",
        user or account(),
    )
    made = endpoints.deploy(wish)
    if monitoring is not None:
        settings.write(settings.folder_of(place, made.name), monitoring)
    return made


def wait(
    endpoints: Endpoints, name: str, changed: Changed | None = None, limit_s: float = 3600
) -> Endpoint:
    """Return an endpoint once it is settled, or when the time is up.

    Args:
        endpoints: of its place.
        name: of it.
        changed: is told of every new state or message.
        limit_s: longest wait, seconds; an image with GPU libraries may be built for half an hour.
    """
    pause_s = 0.2 if endpoints.place == "local" else 2.0
    until = time.monotonic() + limit_s
    said = None
    while True:
        endpoint = endpoints.get(name)
        if changed is not None and (endpoint.state, endpoint.message) != said:
            said = (endpoint.state, endpoint.message)
            changed(endpoint)
        if endpoint.state.is_settled or time.monotonic() > until:
            return endpoint
        time.sleep(pause_s)
        pause_s = min(pause_s * 1.2, 15.0)


def default_name(model: ModelRef) -> str:
    """Return what an endpoint is called when nobody says."""
    title = model.name if model.folder else model.name.rpartition(".")[2]
    return "".join(c if c.isalnum() or c in "-_" else "-" for c in title)[:63].strip("-") or "model"


def _looks_registered(word: str) -> bool:
    return word.removeprefix("models:/").partition("@")[0].partition("/")[0].count(".") == 2
