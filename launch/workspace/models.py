"""Unity Catalog: registered models, their versions and aliases."""

from __future__ import annotations

from typing import Any

from databricks.sdk.service.catalog import ModelVersionsAPI, RegisteredModelsAPI

from launch.workspace import catalog, grants
from launch.workspace.errors import invalid, missing
from launch.workspace.jobs.status import now_ms
from launch.workspace.routes import Answer, Call, Routes, page

api = Routes()
_MODELS = "/api/2.1/unity-catalog/models"
_MODEL = f"{_MODELS}/<full_name>"


@api.add("POST", _MODELS, like=RegisteredModelsAPI.create)
def create(call: Call) -> Answer:
    """A model without versions."""
    for key in ("catalog_name", "schema_name", "name"):
        if not call.args.get(key):
            raise invalid(f"Missing required field: {key}")
    parent = f"{call.args['catalog_name']}.{call.args['schema_name']}".lower()
    schema = catalog.one(call, "schema", parent)["full_name"]
    grants.require(call.ws, call.who, "schema", schema, "USE_SCHEMA", "CREATE_MODEL")
    where = dict(zip(("catalog_name", "schema_name"), schema.split("."), strict=True))
    return catalog.create(call, "model", f"{schema}.{call.args['name'].lower()}", where)


@api.add("GET", _MODELS, like=RegisteredModelsAPI.list)
def list_models(call: Call) -> Answer:
    """All, or those of a schema."""
    prefix = ""
    if call.args.get("catalog_name"):
        prefix = f"{call.args['catalog_name']}.{call.args.get('schema_name', '')}.".lower()
    return catalog.listing(call, "model", prefix, "registered_models")


@api.add("GET", _MODEL, like=RegisteredModelsAPI.get)
def get(call: Call) -> Answer:
    """One model; aliases if asked for."""
    doc = _model(call)
    aliases = doc.pop("_aliases", {})
    if call.args.get("include_aliases"):
        doc["aliases"] = [{"alias_name": a, "version_num": v} for a, v in aliases.items()]
    return doc


@api.add("DELETE", _MODEL, like=RegisteredModelsAPI.delete)
def delete(call: Call) -> Answer:
    """Remove a model with its versions."""
    name = _model(call)["full_name"]
    for version in call.ws.store.all("version", f"{name}/"):
        call.ws.store.delete("version", f"{name}/{version['version']}")
    catalog.remove(call, "model", name, ())
    return None


@api.add("PUT", f"{_MODEL}/aliases/<alias>", like=RegisteredModelsAPI.set_alias)
def set_alias(call: Call) -> Answer:
    """Point an alias at a version."""
    doc = _owned(call)
    number = call.args["version_num"]
    _version(call, doc["full_name"], str(number))
    doc.setdefault("_aliases", {})[call.path["alias"]] = number
    call.ws.store.put("model", doc["full_name"], doc)
    return {"alias_name": call.path["alias"], "version_num": number}


@api.add("DELETE", f"{_MODEL}/aliases/<alias>", like=RegisteredModelsAPI.delete_alias)
def delete_alias(call: Call) -> Answer:
    """Take an alias away."""
    doc = _owned(call)
    if doc.get("_aliases", {}).pop(call.path["alias"], None) is None:
        raise missing(f"Alias '{call.path['alias']}' does not exist.")
    call.ws.store.put("model", doc["full_name"], doc)
    return None


@api.add("GET", f"{_MODEL}/aliases/<alias>", like=ModelVersionsAPI.get_by_alias)
def get_by_alias(call: Call) -> Answer:
    """The version behind an alias."""
    doc = _model(call)
    number = doc.get("_aliases", {}).get(call.path["alias"])
    if number is None:
        raise missing(f"Registered model alias '{call.path['alias']}' does not exist.")
    return _version(call, doc["full_name"], str(number))


@api.add("GET", f"{_MODEL}/versions", like=ModelVersionsAPI.list)
def list_versions(call: Call) -> Answer:
    """Newest first."""
    found = call.ws.store.all("version", f"{_model(call)['full_name']}/")[::-1]
    part, links = page(found, call.args, "max_results", 100, 1000)
    links.pop("prev_page_token", None)
    return {"model_versions": part, **links}


@api.add("GET", f"{_MODEL}/versions/<version>", like=ModelVersionsAPI.get)
def get_version(call: Call) -> Answer:
    """One version."""
    return _version(call, _model(call)["full_name"], call.path["version"])


@api.add("DELETE", f"{_MODEL}/versions/<version>", like=ModelVersionsAPI.delete)
def delete_version(call: Call) -> Answer:
    """Remove a version and the aliases that point to it."""
    doc = _owned(call)
    _version(call, doc["full_name"], call.path["version"])
    number = int(call.path["version"])
    doc["_aliases"] = {a: v for a, v in doc.get("_aliases", {}).items() if v != number}
    call.ws.store.put("model", doc["full_name"], doc)
    call.ws.store.delete("version", f"{doc['full_name']}/{number}")
    return None


@api.add("POST", "/fake/model-versions")
def add_version(call: Call) -> Answer:
    """{"full_name", "source", "run_id"}: what MLflow's client does on the platform."""
    doc = call.ws.store.get("model", str(call.args.get("full_name")).lower())
    if doc is None:
        raise missing(f"Model '{call.args.get('full_name')}' does not exist.")
    number = call.ws.store.next_id(f"version-{doc['full_name']}")
    version = {
        "model_name": doc["name"],
        "catalog_name": doc["catalog_name"],
        "schema_name": doc["schema_name"],
        "version": number,
        "source": call.args.get("source", ""),
        "run_id": call.args.get("run_id", ""),
        "status": "READY",
        "created_at": now_ms(),
    }
    call.ws.store.put("version", f"{doc['full_name']}/{number}", version)
    return version


def _model(call: Call) -> dict[str, Any]:
    return catalog.one(call, "model", call.path["full_name"])


def _owned(call: Call) -> dict[str, Any]:
    doc = _model(call)
    if not grants.owns(call.ws, call.who, "function", doc["full_name"]):
        grants.require(call.ws, call.who, "function", doc["full_name"], "MANAGE")
    return doc


def _version(call: Call, name: str, number: str) -> dict[str, Any]:
    found = call.ws.store.get("version", f"{name}/{number}")
    if found is None:
        raise missing(f"Model version '{name}' {number} does not exist.")
    return found
