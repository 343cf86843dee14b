"""What a Model Serving endpoint says of itself, as an `Endpoint`; and its configuration changed."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from databricks.sdk.service.serving import (
    EndpointStateConfigUpdate,
    EndpointStateReady,
    ServedEntityInput,
    ServedEntityOutput,
    ServingEndpointDetailed,
)

from launch.serving.types import Endpoint, EndpointError, EndpointState, Served

PLACE = "databricks"
FORMER_TAG = "lakesight_former"
"""Tag of an endpoint: `name:version:share` of what it served before, joined by `;`."""

_DEPLOYMENT = {
    "DEPLOYMENT_READY": "READY",
    "DEPLOYMENT_FAILED": "FAILED",
    "DEPLOYMENT_ABORTED": "FAILED",
}
_SENTENCE = re.compile(r"Error: (.*?)(?:\\n|\n|'?\)?\}?$)", re.DOTALL)
Former = list[tuple[str, str, int]]


def endpoint(detail: ServingEndpointDetailed, host: str) -> Endpoint:
    """Return an endpoint as every place describes one."""
    found = entities(detail)
    state = _state(detail)
    messages = [
        f"{entity.name}: {message}"
        for entity in found
        if (message := (entity.state.deployment_state_message if entity.state else None))
    ]
    shares = shares_of(detail)
    at = (detail.creation_timestamp or 0) / 1000
    name = str(detail.name)
    return Endpoint(
        name,
        PLACE,
        state,
        "; ".join(messages) if state is not EndpointState.READY else "",
        f"{host}/serving-endpoints/{name}/invocations",
        tuple(_served(entity, shares) for entity in found),
        at,
        detail.creator or "",
        bool(former(detail)),
        f"{host}/ml/endpoints/{name}",
    )


def entities(detail: ServingEndpointDetailed) -> list[ServedEntityOutput]:
    """Return the served versions, those of a change under way last."""
    present = list((detail.config.served_entities if detail.config else None) or [])
    pending = list((detail.pending_config.served_entities if detail.pending_config else None) or [])
    names = {entity.name for entity in present}
    return present + [entity for entity in pending if entity.name not in names]


def shares_of(detail: ServingEndpointDetailed) -> dict[str, int]:
    """Return the shares in force, percent."""
    config = detail.config.traffic_config if detail.config else None
    routes = (config.routes if config else None) or []
    return {str(r.served_model_name): int(r.traffic_percentage or 0) for r in routes}


def is_updating(detail: ServingEndpointDetailed) -> bool:
    """Whether a change is under way, or it is not known."""
    state = detail.state.config_update if detail.state else None
    return state not in (
        EndpointStateConfigUpdate.NOT_UPDATING,
        EndpointStateConfigUpdate.UPDATE_FAILED,
        EndpointStateConfigUpdate.UPDATE_CANCELED,
    )


def with_entity(
    name: str, detail: ServingEndpointDetailed, entity: ServedEntityInput, share: int
) -> tuple[list[ServedEntityInput], dict[str, int]]:
    """Return versions and shares with one more, which gets a share of the traffic.

    Raises:
        EndpointError: the share is none, or there is a canary already.
    """
    if not 1 <= share <= 100:
        raise EndpointError(f"{share} is not a share of the traffic: give 1 to 100 percent.")
    others = [as_input(one) for one in entities(detail) if one.name != entity.name]
    if share == 100 or not others:
        return [entity], {str(entity.name): 100}
    if len(others) > 1:
        said = ", ".join(f"{key} {value} %" for key, value in shares_of(detail).items())
        raise EndpointError(
            f"endpoint {name} divides its traffic already: {said}. Settle that first, with a traffic "
            "of 100 percent for one of them, or roll back."
        )
    return [others[0], entity], {str(others[0].name): 100 - share, str(entity.name): share}


def as_input(entity: ServedEntityOutput) -> ServedEntityInput:
    """Return a served version as a request names it."""
    values = entity.as_dict()
    known = ServedEntityInput.__dataclass_fields__
    kept = {key: value for key, value in values.items() if key in known}
    return ServedEntityInput.from_dict(kept)


def as_former(detail: ServingEndpointDetailed) -> str:
    """Return what an endpoint serves now, as the tag has it."""
    shares = shares_of(detail)
    return ";".join(
        f"{entity.entity_name}:{entity.entity_version}:{shares.get(str(entity.name), 0)}"
        for entity in ((detail.config.served_entities if detail.config else None) or [])
    )


def former(detail: ServingEndpointDetailed) -> Former:
    """Return what an endpoint served before its last change: (model, version, share) each."""
    text = next((tag.value for tag in detail.tags or [] if tag.key == FORMER_TAG), None) or ""
    found = []
    for part in text.split(";"):
        words = part.split(":")
        if len(words) == 3 and words[2].isdigit():
            found.append((words[0], words[1], int(words[2])))
    return found


def from_former(
    detail: ServingEndpointDetailed, wanted: Former
) -> tuple[list[ServedEntityInput], dict[str, int]]:
    """Return the versions and shares to go back to.

    A version that is not served any more gets the compute of one that is.
    """
    present = {(one.entity_name, one.entity_version): as_input(one) for one in entities(detail)}
    like = next(iter(present.values()))
    result, shares = [], {}
    for model, version, share in wanted:
        one = present.get((model, version))
        if one is None:
            values = like.as_dict() | {"entity_name": model, "entity_version": version}
            values["name"] = f"{model.rpartition('.')[2]}-{version}"
            one = ServedEntityInput.from_dict(values)
        result.append(one)
        shares[str(one.name)] = share
    return result, shares


def sentence(said: str) -> str:
    """Return the part of a served model's fault that is for its caller.

    The platform wraps what the model raised; how differs between its versions, so what is not
    recognised is given as it is.
    """
    with contextlib.suppress(ValueError, KeyError, TypeError):
        said = str(json.loads(said)["message"])
    found = _SENTENCE.findall(said)
    return (found[-1] if found else said).strip()[:2000]


def _state(detail: ServingEndpointDetailed) -> EndpointState:
    state = detail.state
    ready = state is not None and state.ready is EndpointStateReady.READY
    update = state.config_update if state else None
    failed = update in (
        EndpointStateConfigUpdate.UPDATE_FAILED,
        EndpointStateConfigUpdate.UPDATE_CANCELED,
    )
    if ready:
        if failed:
            return EndpointState.UPDATE_FAILED
        return EndpointState.UPDATING if is_updating(detail) else EndpointState.READY
    # NOT_UPDATING and NOT_READY: it still starts.
    return EndpointState.FAILED if failed else EndpointState.CREATING


def _served(entity: ServedEntityOutput, shares: Mapping[str, int]) -> Served:
    state = entity.state
    deployment = state.deployment.value if state and state.deployment else ""
    kind: Any = entity.workload_type
    words: Sequence[str] = [
        str(getattr(kind, "value", kind) or "CPU"),
        entity.workload_size or "",
    ]
    workload = " ".join(word for word in words if word)
    if entity.scale_to_zero_enabled:
        workload += ", scales to zero"
    return Served(
        str(entity.name),
        entity.entity_name or "",
        entity.entity_version or "",
        shares.get(str(entity.name), 0),
        _DEPLOYMENT.get(deployment, "CREATING"),
        (state.deployment_state_message if state else "") or "",
        workload,
    )
