"""Where endpoints can be. Each place is imported when it is asked for."""

from __future__ import annotations

import os
from importlib import import_module

from cvcore.errors import did_you_mean
from launch.serving.types import EndpointError, Endpoints

PLACES = {
    "local": "launch.serving.local.endpoints:LocalEndpoints",
    "databricks": "launch.serving.databricks:DatabricksEndpoints",
}
"""Place -> its class."""


def get_place(place: str, profile: str | None = None) -> Endpoints:
    """Return the endpoints of a place.

    Args:
        place: local or databricks.
        profile: of the credentials for Databricks; None: those of the environment.

    Raises:
        EndpointError: there is no such place.
    """
    if place not in PLACES:
        raise EndpointError(
            f"{place!r} is no place for endpoints. Places: {', '.join(PLACES)}."
            f"{did_you_mean(place, PLACES)}"
        )
    module, _, attribute = PLACES[place].partition(":")
    endpoints: Endpoints = getattr(import_module(module), attribute)(**_with(place, profile))
    return endpoints


def find(name: str, place: str = "", profile: str | None = None) -> Endpoints:
    """Return the endpoints of the place that has one of this name.

    Args:
        name: of the endpoint.
        place: where to look; "": this machine first, then Databricks if there are credentials.
        profile: of the credentials.

    Raises:
        EndpointError: there is none.
    """
    if place:
        return get_place(place, profile)
    local = get_place("local")
    try:
        local.get(name)
    except EndpointError:
        if not has_workspace(profile):
            raise
        return get_place("databricks", profile)
    return local


def has_workspace(profile: str | None = None) -> bool:
    """Whether this process was told of a workspace; nothing is asked."""
    return bool(
        profile or os.environ.get("DATABRICKS_HOST") or os.environ.get("DATABRICKS_CONFIG_PROFILE")
    )


def _with(place: str, profile: str | None) -> dict[str, str]:
    return {"profile": profile} if place == "databricks" and profile else {}
