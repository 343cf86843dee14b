"""Object permissions (not Unity Catalog's grants): who may view, run, edit or manage a thing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from databricks.sdk.service.iam import PermissionsAPI

from cvcore.errors import did_you_mean
from launch.workspace import contract
from launch.workspace.errors import denied, invalid, missing
from launch.workspace.routes import Answer, Call, Principal, Routes

if TYPE_CHECKING:
    from launch.workspace.core import Workspace

api = Routes()
_PATH = "/api/2.0/permissions/<kind>/<id>"
# Levels from weak to strong; each includes those before it.
LEVELS = {
    "jobs": ["CAN_VIEW", "CAN_MANAGE_RUN", "CAN_MANAGE", "IS_OWNER"],
    "experiments": ["CAN_READ", "CAN_EDIT", "CAN_MANAGE"],
    "serving-endpoints": ["CAN_VIEW", "CAN_QUERY", "CAN_MANAGE"],
    "apps": ["CAN_USE", "CAN_MANAGE"],
    "clusters": ["CAN_ATTACH_TO", "CAN_RESTART", "CAN_MANAGE"],
    "cluster-policies": ["CAN_USE"],
    "instance-pools": ["CAN_ATTACH_TO", "CAN_MANAGE"],
    "directories": ["CAN_READ", "CAN_RUN", "CAN_EDIT", "CAN_MANAGE"],
    "files": ["CAN_READ", "CAN_RUN", "CAN_EDIT", "CAN_MANAGE"],
    "registered-models": ["CAN_READ", "CAN_EDIT", "CAN_MANAGE"],
}
_STORES = {
    "jobs": "job",
    "serving-endpoints": "endpoint-id",
    "apps": "app",
    "clusters": "cluster",
    "cluster-policies": "policy",
    "instance-pools": "pool",
}
_WHO = ("user_name", "service_principal_name", "group_name")


def own(
    ws: Workspace, kind: str, id: str, who: Principal, more: list[dict[str, Any]] | None = None
) -> None:
    """Make `who` the owner of a new object and add what they ask for."""
    key = "user_name" if who.kind == "user" else "service_principal_name"
    entry = {key: who.name, "permission_level": LEVELS[kind][-1]}
    ws.store.put("acl", f"{kind}/{id}", {"acl": _merged([entry], more or [])})


def add(ws: Workspace, kind: str, id: str, entry: dict[str, Any]) -> None:
    """Add one entry to an object's list."""
    ws.store.put("acl", f"{kind}/{id}", {"acl": _merged(_stored(ws, kind, id), [entry])})


def allows(ws: Workspace, who: Principal, kind: str, id: str, level: str) -> bool:
    """Whether this principal has at least this level on the object."""
    if who.admin:
        return True
    order = LEVELS[kind]
    for entry in _stored(ws, kind, id):
        name = next(entry[key] for key in _WHO if entry.get(key))
        if name in (who.name, "users") and order.index(entry["permission_level"]) >= order.index(
            level
        ):
            return True
    return False


def require(ws: Workspace, who: Principal, kind: str, id: str, level: str) -> None:
    """Raise 403 unless `allows`."""
    if not allows(ws, who, kind, id, level):
        raise denied(f"{who.name} does not have {level} permissions on {kind} {id}.")


@api.add("GET", _PATH)
def get(call: Call) -> Answer:
    """The object's access control list."""
    kind, id = _object(call)
    require(call.ws, call.who, kind, id, LEVELS[kind][0])
    return _view(call.ws, kind, id)


@api.add("GET", f"{_PATH}/permissionLevels")
def levels(call: Call) -> Answer:
    """The levels there are for this kind."""
    kind, _ = _object(call)
    return {"permission_levels": [{"permission_level": x, "description": x} for x in LEVELS[kind]]}


@api.add("PUT", _PATH)
def replace(call: Call) -> Answer:
    """REPLACE the list; what is not named is gone, only the owner of a job stays."""
    kind, id = _object(call)
    require(call.ws, call.who, kind, id, LEVELS[kind][-1 if kind != "jobs" else 2])
    owner = [e for e in _stored(call.ws, kind, id) if e["permission_level"] == "IS_OWNER"]
    given = _given(call, kind)
    if any(entry["permission_level"] == "IS_OWNER" for entry in given):
        owner = []
    call.ws.store.put("acl", f"{kind}/{id}", {"acl": _merged(owner, given)})
    return _view(call.ws, kind, id)


@api.add("PATCH", _PATH)
def update(call: Call) -> Answer:
    """Add to the list."""
    kind, id = _object(call)
    require(call.ws, call.who, kind, id, LEVELS[kind][-1 if kind != "jobs" else 2])
    acl = _merged(_stored(call.ws, kind, id), _given(call, kind))
    call.ws.store.put("acl", f"{kind}/{id}", {"acl": acl})
    return _view(call.ws, kind, id)


def _object(call: Call) -> tuple[str, str]:
    kind, id = call.path["kind"], call.path["id"]
    if kind not in LEVELS:
        raise invalid(f"'{kind}' is not a permission type.{did_you_mean(kind, LEVELS)}")
    if kind in _STORES and call.ws.store.get(_STORES[kind], id) is None:
        submitted = kind == "jobs" and call.ws.store.get("acl", f"{kind}/{id}")
        if not submitted:
            raise missing(f"{kind} {id} does not exist.")
    return kind, id


def _given(call: Call, kind: str) -> list[dict[str, Any]]:
    path = frozenset({"request_object_type", "request_object_id"})
    args = contract.check(PermissionsAPI.set, call.args, path)
    for entry in args.get("access_control_list") or []:
        if sum(bool(entry.get(key)) for key in _WHO) != 1:
            raise invalid(f"Each entry names exactly one of {', '.join(_WHO)}.")
        if entry.get("permission_level") not in LEVELS[kind]:
            raise invalid(
                f"'{entry.get('permission_level')}' is not a permission of {kind}. Allowed: "
                f"{', '.join(LEVELS[kind])}."
            )
        name = entry.get("user_name") or entry.get("service_principal_name")
        if name and call.ws.identities.get(name) is None:
            raise missing(f"Principal: {name} does not exist.")
    return args.get("access_control_list") or []


def _stored(ws: Workspace, kind: str, id: str) -> list[dict[str, Any]]:
    return list((ws.store.get("acl", f"{kind}/{id}") or {"acl": []})["acl"])


def _merged(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> list[dict[str, Any]]:
    def key(entry: dict[str, Any]) -> tuple[Any, ...]:
        return tuple(entry.get(name) for name in _WHO)

    return list(({key(e): e for e in old} | {key(e): e for e in new}).values())


def _view(ws: Workspace, kind: str, id: str) -> dict[str, Any]:
    entries = []
    for entry in _stored(ws, kind, id):
        level = {"permission_level": entry["permission_level"], "inherited": False}
        name = {key: entry[key] for key in _WHO if entry.get(key)}
        entries.append(name | {"all_permissions": [level]})
    admins = {"permission_level": LEVELS[kind][-1 if kind != "jobs" else 2], "inherited": True}
    entries.append({"group_name": "admins", "all_permissions": [admins]})
    object_type = kind.rstrip("s") if kind != "cluster-policies" else "cluster-policy"
    return {
        "object_id": f"/{kind}/{id}",
        "object_type": object_type,
        "access_control_list": entries,
    }
