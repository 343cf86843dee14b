"""Unity Catalog's grants: kept, inherited downwards, and enforced for whoever is no administrator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from databricks.sdk.service.catalog import GrantsAPI, SecurableType

from cvcore.errors import did_you_mean
from launch.workspace.errors import ApiError, denied, invalid, missing
from launch.workspace.routes import Answer, Call, Principal, Routes

if TYPE_CHECKING:
    from launch.workspace.core import Workspace

api = Routes()
_UC = "/api/2.1/unity-catalog"
_PATH = "<securable_type>/<full_name>"
# The securable kinds of this double, and the store each lives in. A registered model is a function.
KINDS = {
    "catalog": "catalog",
    "schema": "schema",
    "volume": "volume",
    "function": "model",
    "table": "table",
}
_ALL = {"metastore", *KINDS}
_CREATE = {"CREATE_SCHEMA", "CREATE_VOLUME", "CREATE_MODEL", "CREATE_TABLE", "CREATE_FUNCTION"}
_SCHEMA = {"USE_SCHEMA", "READ_VOLUME", "WRITE_VOLUME", "EXECUTE", "SELECT", "MODIFY"}
_COMMON = {"ALL_PRIVILEGES", "MANAGE", "APPLY_TAG", "BROWSE"}
_ALLOWED = {
    "metastore": {"CREATE_CATALOG", "CREATE_EXTERNAL_LOCATION"},
    "catalog": _COMMON | _CREATE | _SCHEMA | {"USE_CATALOG"},
    "schema": _COMMON | _SCHEMA | (_CREATE - {"CREATE_SCHEMA"}),
    "volume": _COMMON | {"READ_VOLUME", "WRITE_VOLUME"},
    "function": _COMMON | {"EXECUTE"},
    "table": _COMMON | {"SELECT", "MODIFY"},
}


@api.add("GET", f"{_UC}/permissions/{_PATH}", like=GrantsAPI.get)
def get(call: Call) -> Answer:
    """What is granted on this very object."""
    kind, name = _securable(call)
    wanted = call.args.get("principal")
    grants = _stored(call.ws, kind, name)
    return {
        "privilege_assignments": [
            {"principal": who, "privileges": sorted(privileges)}
            for who, privileges in grants.items()
            if wanted in (None, who) and privileges
        ]
    }


@api.add("GET", f"{_UC}/effective-permissions/{_PATH}", like=GrantsAPI.get_effective)
def get_effective(call: Call) -> Answer:
    """What holds on this object, with where it comes from."""
    kind, name = _securable(call)
    wanted = call.args.get("principal")
    found: dict[str, list[dict[str, str]]] = {}
    for from_kind, from_name in lineage(kind, name):
        for who, privileges in _stored(call.ws, from_kind, from_name).items():
            if wanted not in (None, who):
                continue
            for privilege in sorted(privileges):
                entry = {"privilege": privilege}
                if (from_kind, from_name) != (kind, name):
                    entry["inherited_from_type"] = from_kind.upper()
                    entry["inherited_from_name"] = from_name
                found.setdefault(who, []).append(entry)
    return {
        "privilege_assignments": [
            {"principal": who, "privileges": entries} for who, entries in found.items()
        ]
    }


@api.add("PATCH", f"{_UC}/permissions/{_PATH}", like=GrantsAPI.update)
def update(call: Call) -> Answer:
    """Add and remove privileges; only the owner, MANAGE or an administrator may."""
    kind, name = _securable(call)
    if not (owns(call.ws, call.who, kind, name) or has(call.ws, call.who, kind, name, "MANAGE")):
        raise denied(f"User does not have MANAGE on {kind.capitalize()} '{name}'.")
    grants = _stored(call.ws, kind, name)
    for change in call.args.get("changes") or []:
        who = change.get("principal") or ""
        if who not in ("account users", "users") and call.ws.identities.get(who) is None:
            raise ApiError(404, "PRINCIPAL_DOES_NOT_EXIST", f"Could not find principal {who}")
        add, remove = set(change.get("add") or []), set(change.get("remove") or [])
        if add & remove:
            raise invalid(f"Privilege {sorted(add & remove)[0]} is both added and removed.")
        for privilege in sorted(add):
            if privilege not in _ALLOWED[kind]:
                raise invalid(
                    f"Privilege {privilege} is not applicable to {kind} {name}. Applicable: "
                    f"{', '.join(sorted(_ALLOWED[kind]))}."
                )
        grants[who] = sorted((set(grants.get(who, [])) | add) - remove)
    call.ws.store.put("grant", f"{kind}/{name}", grants)
    return get(Call(call.ws, call.who, call.request, call.path, {}))


def has(ws: Workspace, who: Principal, kind: str, name: str, privilege: str) -> bool:
    """Whether this principal holds the privilege here or above."""
    if owns(ws, who, kind, name):
        return True
    for from_kind, from_name in lineage(kind, name):
        grants = _stored(ws, from_kind, from_name)
        for grantee in (who.name, "account users"):
            if {privilege, "ALL_PRIVILEGES"} & set(grants.get(grantee, [])):
                return True
    return False


def require(ws: Workspace, who: Principal, kind: str, name: str, *privileges: str) -> None:
    """Raise 403 naming the first privilege that is missing, use of the parents included."""
    needs = [(kind, name, privilege) for privilege in privileges]
    for above, above_name in lineage(kind, name)[1:]:
        if above in ("catalog", "schema"):
            needs.insert(0, (above, above_name, f"USE_{above.upper()}"))
    for on, on_name, privilege in needs:
        if not has(ws, who, on, on_name, privilege):
            words = privilege.replace("_", " ")
            raise denied(f"User does not have {words} on {on.capitalize()} '{on_name}'.")


def owns(ws: Workspace, who: Principal, kind: str, name: str) -> bool:
    """Whether this principal is an administrator, or owns the object or one above."""
    if who.admin:
        return True
    for above, above_name in lineage(kind, name):
        doc = ws.store.get(KINDS[above], above_name) if above in KINDS else None
        if doc and doc.get("owner") == who.name:
            return True
    return False


def lineage(kind: str, name: str) -> list[tuple[str, str]]:
    """Return the object and what it lies in, innermost first."""
    parts = name.split(".")
    chain = [(kind, name)]
    if len(parts) == 3:
        chain.append(("schema", ".".join(parts[:2])))
    if len(parts) >= 2:
        chain.append(("catalog", parts[0]))
    return chain


def _securable(call: Call) -> tuple[str, str]:
    kind, name = call.path["securable_type"], call.path["full_name"].lower()
    if kind not in _ALL:
        known = [member.value.lower() for member in SecurableType]
        hint = did_you_mean(kind.rpartition(".")[2].lower(), _ALL)
        detail = "is not supported by this double" if kind in known else "is not a securable type"
        raise invalid(f"'{kind}' {detail}. Use one of {', '.join(sorted(_ALL))}.{hint}")
    if kind in KINDS and call.ws.store.get(KINDS[kind], name) is None:
        raise missing(f"{kind.capitalize()} '{name}' does not exist.")
    return kind, name


def _stored(ws: Workspace, kind: str, name: str) -> dict[str, Any]:
    return ws.store.get("grant", f"{kind}/{name}") or {}
