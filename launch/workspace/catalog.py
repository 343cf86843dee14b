"""Unity Catalog: catalogs, schemas and volumes."""

from __future__ import annotations

import re
import shutil
from typing import Any

from databricks.sdk.service.catalog import CatalogsAPI, SchemasAPI, VolumesAPI

from launch.workspace import grants
from launch.workspace.errors import ApiError, bad_state, denied, invalid
from launch.workspace.jobs.status import now_ms
from launch.workspace.routes import Answer, Call, Routes, page

api = Routes()
_UC = "/api/2.1/unity-catalog"
_NAME = re.compile(r"^[^\s./\x00-\x1f]{1,255}$")


@api.add("POST", f"{_UC}/catalogs", like=CatalogsAPI.create)
def create_catalog(call: Call) -> Answer:
    """A catalog, with its schema `default`."""
    _may_create(call, "metastore", "", "CREATE_CATALOG")
    made = create(call, "catalog", _part(call.args["name"]), {"catalog_type": "MANAGED_CATALOG"})
    name = f"{made['name']}.default"
    create(call, "schema", name, {"catalog_name": made["name"]})
    return made


@api.add("GET", f"{_UC}/catalogs", like=CatalogsAPI.list)
def list_catalogs(call: Call) -> Answer:
    """Those that one may see."""
    return listing(call, "catalog", "", "catalogs")


@api.add("GET", f"{_UC}/catalogs/<name>", like=CatalogsAPI.get)
def get_catalog(call: Call) -> Answer:
    """One catalog."""
    return one(call, "catalog", call.path["name"])


@api.add("DELETE", f"{_UC}/catalogs/<name>", like=CatalogsAPI.delete)
def delete_catalog(call: Call) -> Answer:
    """Remove it; with force, with all it holds."""
    remove(call, "catalog", call.path["name"], ("schema", "volume", "model", "table"))
    return None


@api.add("POST", f"{_UC}/schemas", like=SchemasAPI.create)
def create_schema(call: Call) -> Answer:
    """A schema in a catalog."""
    parent = one(call, "catalog", call.args["catalog_name"])["name"]
    _may_create(call, "catalog", parent, "CREATE_SCHEMA")
    return create(call, "schema", f"{parent}.{_part(call.args['name'])}", {"catalog_name": parent})


@api.add("GET", f"{_UC}/schemas", like=SchemasAPI.list)
def list_schemas(call: Call) -> Answer:
    """Those of a catalog."""
    return listing(call, "schema", f"{call.args['catalog_name'].lower()}.", "schemas")


@api.add("GET", f"{_UC}/schemas/<name>")
def get_schema(call: Call) -> Answer:
    """One schema."""
    return one(call, "schema", call.path["name"])


@api.add("DELETE", f"{_UC}/schemas/<name>")
def delete_schema(call: Call) -> Answer:
    """Remove it; with force, with all it holds."""
    remove(call, "schema", call.path["name"], ("volume", "model", "table"))
    return None


@api.add("POST", f"{_UC}/volumes", like=VolumesAPI.create)
def create_volume(call: Call) -> Answer:
    """A volume; its files lie in the root's folder Volumes."""
    catalog, schema = call.args["catalog_name"].lower(), call.args["schema_name"].lower()
    parent = one(call, "schema", f"{catalog}.{schema}")["full_name"]
    _may_create(call, "schema", parent, "CREATE_VOLUME")
    if call.args["volume_type"] == "EXTERNAL" and not call.args.get("storage_location"):
        raise invalid("EXTERNAL volumes need storage_location.")
    name = f"{parent}.{_part(call.args['name'])}"
    more = {"volume_type": call.args["volume_type"], "volume_id": name}
    made = create(call, "volume", name, more | {"catalog_name": catalog, "schema_name": schema})
    call.ws.root.joinpath("Volumes", *name.split(".")).mkdir(parents=True, exist_ok=True)
    return made


@api.add("GET", f"{_UC}/volumes", like=VolumesAPI.list)
def list_volumes(call: Call) -> Answer:
    """Those of a schema."""
    parent = f"{call.args['catalog_name']}.{call.args['schema_name']}.".lower()
    return listing(call, "volume", parent, "volumes")


@api.add("GET", f"{_UC}/volumes/<name>", like=VolumesAPI.read)
def read_volume(call: Call) -> Answer:
    """One volume."""
    return one(call, "volume", call.path["name"])


@api.add("DELETE", f"{_UC}/volumes/<name>", like=VolumesAPI.delete)
def delete_volume(call: Call) -> Answer:
    """Remove it with its files."""
    name = one(call, "volume", call.path["name"])["full_name"]
    remove(call, "volume", name, ())
    shutil.rmtree(call.ws.root.joinpath("Volumes", *name.split(".")), ignore_errors=True)
    return None


@api.add("GET", f"{_UC}/metastore_summary")
def metastore(call: Call) -> Answer:
    """The metastore that the workspace is attached to."""
    return {"metastore_id": "fake-metastore", "name": "fake", "cloud": "aws"}


@api.add("GET", f"{_UC}/current-metastore-assignment")
def assignment(call: Call) -> Answer:
    """The same, with the default catalog."""
    where = {"workspace_id": 1234567890, "default_catalog_name": "main"}
    return {"metastore_id": "fake-metastore", **where}


def create(call: Call, kind: str, full_name: str, more: dict[str, Any]) -> dict[str, Any]:
    """Store a new securable, owned by who asks."""
    if call.ws.store.get(kind, full_name):
        code = f"{kind.upper()}_ALREADY_EXISTS"
        raise ApiError(409, code, f"{kind.capitalize()} '{full_name}' already exists")
    now = now_ms()
    doc: dict[str, Any] = {
        "name": full_name.rpartition(".")[2],
        "full_name": full_name,
        "owner": call.who.name,
        "created_at": now,
        "updated_at": now,
        "created_by": call.who.name,
        "metastore_id": "fake-metastore",
    }
    if comment := call.args.get("comment"):
        doc["comment"] = comment
    call.ws.store.put(kind, full_name, doc | more)
    return doc | more


def one(call: Call, kind: str, full_name: str) -> dict[str, Any]:
    """Return a securable that one may see.

    Raises:
        ApiError: 404 if it is not there, 403 if it may not be seen.
    """
    doc = call.ws.store.get(kind, full_name.lower())
    if doc is None:
        code = f"{kind.upper()}_DOES_NOT_EXIST" if kind != "model" else "RESOURCE_DOES_NOT_EXIST"
        raise ApiError(404, code, f"{kind.capitalize()} '{full_name}' does not exist.")
    if not _sees(call, kind, doc):
        raise denied(f"User does not have permission to see {kind.capitalize()} '{full_name}'.")
    return doc


def listing(call: Call, kind: str, prefix: str, field: str) -> dict[str, Any]:
    """Return those that one may see, in pages."""
    found = [doc for doc in call.ws.store.all(kind, prefix) if _sees(call, kind, doc)]
    part, links = page(found, call.args, "max_results", 1000, 1000)
    links.pop("prev_page_token", None)
    return {field: part, **links}


def remove(call: Call, kind: str, full_name: str, inside: tuple[str, ...]) -> None:
    """Delete a securable; what is inside only with force."""
    name = one(call, kind, full_name)["full_name"]
    securable = "function" if kind == "model" else kind
    if not grants.owns(call.ws, call.who, securable, name):
        raise denied(f"User is not an owner of {kind.capitalize()} '{name}'.")
    children = [(k, doc) for k in inside for doc in call.ws.store.all(k, f"{name}.")]
    holds = [doc for k, doc in children if (k, doc["name"]) != ("schema", "default")]
    if holds and str(call.args.get("force", "")).lower() != "true":
        raise bad_state(f"{kind.capitalize()} '{name}' is not empty. Use force to delete it.")
    for k, doc in [*children, (kind, {"full_name": name})]:
        call.ws.store.delete(k, doc["full_name"])
        grant_kind = "function" if k == "model" else k
        call.ws.store.delete("grant", f"{grant_kind}/{doc['full_name']}")


def _sees(call: Call, kind: str, doc: dict[str, Any]) -> bool:
    securable = "function" if kind == "model" else kind
    if grants.owns(call.ws, call.who, securable, doc["full_name"]):
        return True
    use = {
        "catalog": ("USE_CATALOG", "BROWSE"),
        "schema": ("USE_SCHEMA", "BROWSE"),
        "volume": ("READ_VOLUME", "WRITE_VOLUME", "BROWSE"),
        "model": ("EXECUTE", "BROWSE"),
    }[kind]
    name = doc["full_name"]
    return any(grants.has(call.ws, call.who, securable, name, privilege) for privilege in use)


def _may_create(call: Call, kind: str, name: str, privilege: str) -> None:
    if kind == "metastore":
        if not grants.has(call.ws, call.who, kind, "fake", privilege):
            raise denied("User does not have CREATE CATALOG on Metastore 'fake'.")
        return
    grants.require(call.ws, call.who, kind, name, f"USE_{kind.upper()}", privilege)


def _part(name: str) -> str:
    if not _NAME.match(name):
        raise invalid(f"'{name}' is not a valid name: no space, dot or slash, 1 to 255 characters.")
    return name.lower()
