"""SCIM: who am I, and service principals."""

from __future__ import annotations

import re

from launch.workspace.errors import ApiError, denied, invalid, missing
from launch.workspace.routes import Answer, Call, Principal, Routes

api = Routes()
_BASE = "/api/2.0/preview/scim/v2"
_SP_FIELDS = {
    "schemas", "active", "applicationId", "displayName", "entitlements", "externalId", "groups",
    "id", "roles",
}  # fmt: skip
_FILTER = re.compile(r'^(displayName|applicationId) eq "?([^"]*)"?$', re.IGNORECASE)


@api.add("GET", f"{_BASE}/Me")
def me(call: Call) -> Answer:
    """The principal behind the token."""
    who = call.who
    return {
        "id": str(who.id),
        "userName": who.name,
        "displayName": who.display_name,
        "active": True,
        "emails": [{"type": "work", "value": who.name, "primary": True}],
        "groups": [{"display": group} for group in (["admins"] if who.admin else []) + ["users"]],
    }


@api.add("POST", f"{_BASE}/ServicePrincipals")
def create(call: Call) -> Answer:
    """Create one; its OAuth secret is given by `FakeWorkspace.add_service_principal` only."""
    _admin(call)
    if unknown := set(call.args) - _SP_FIELDS:
        raise ApiError(400, "invalidSyntax", f"Unknown field '{sorted(unknown)[0]}'")
    name = call.args.get("displayName")
    if not name:
        raise invalid("Missing required field: displayName")
    client_id, _ = call.ws.identities.add_service_principal(name)
    return _view(_find(call, client_id))


@api.add("GET", f"{_BASE}/ServicePrincipals")
def find(call: Call) -> Answer:
    """List them, all or by `displayName eq x` / `applicationId eq x`."""
    found = [_view(principal) for principal in call.ws.identities.all("service_principal")]
    if text := call.args.get("filter"):
        match = _FILTER.match(text)
        if match is None:
            raise invalid(f"Unsupported filter: {text}")
        key = "displayName" if match[1].lower() == "displayname" else "applicationId"
        found = [doc for doc in found if doc[key] == match[2]]
    start = int(call.args.get("startIndex") or 1)
    part = found[start - 1 : start - 1 + int(call.args.get("count") or 100)]
    return {
        "totalResults": len(found),
        "startIndex": start,
        "itemsPerPage": len(part),
        "Resources": part,
    }


@api.add("GET", f"{_BASE}/ServicePrincipals/<id>")
def get(call: Call) -> Answer:
    """One by its number."""
    return _view(_find(call, call.path["id"]))


@api.add("DELETE", f"{_BASE}/ServicePrincipals/<id>")
def delete(call: Call) -> Answer:
    """Remove one with its tokens."""
    _admin(call)
    call.ws.identities.remove(_find(call, call.path["id"]).name)
    return None


def _admin(call: Call) -> None:
    if not call.who.admin:
        raise denied("Only admins can change service principals.")


def _find(call: Call, key: str) -> Principal:
    for principal in call.ws.identities.all("service_principal"):
        if key in (str(principal.id), principal.name):
            return principal
    raise missing(f"Service principal with id {key} does not exist.")


def _view(principal: Principal) -> dict[str, object]:
    return {
        "id": str(principal.id),
        "applicationId": principal.name,
        "displayName": principal.display_name,
        "active": True,
    }
