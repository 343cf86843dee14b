"""Unity Catalog as MLflow's own client speaks to it: what `databricks-uc` sends.

The models are those of `models`. Stricter than MLflow's own registry, as the platform is: names of
three parts in existing schemas, no tag key with a dot, a version is PENDING until it is finalized.
"""

from __future__ import annotations

from typing import Any

from launch.workspace import catalog, grants
from launch.workspace.errors import ApiError, exists, invalid, missing
from launch.workspace.jobs.status import now_ms
from launch.workspace.routes import Answer, Call, Routes, page

api = Routes()
_ROOT = "/api/2.0/mlflow/unity-catalog"
_MODELS, _VERSIONS = f"{_ROOT}/registered-models", f"{_ROOT}/model-versions"
_NOT_IN_A_KEY = frozenset(".,-=/: ")


@api.add("GET", f"{_MODELS}:is-databricks-sdk-models-artifact-repository-enabled")
def files_api(call: Call) -> Answer:
    """The files of a version go through the Files API, /Models/<catalog>/<schema>/<model>."""
    return {"is_databricks_sdk_models_artifact_repository_enabled": True}


@api.add("POST", f"{_MODELS}/create")
def create_model(call: Call) -> Answer:
    """A model without versions."""
    parts = str(call.args.get("name") or "").lower().split(".")
    if len(parts) != 3 or not all(parts):
        raise invalid(
            f"Invalid model name '{call.args.get('name')}'. A model in Unity Catalog is named "
            "<catalog>.<schema>.<model>."
        )
    schema = catalog.one(call, "schema", ".".join(parts[:2]))["full_name"]
    grants.require(call.ws, call.who, "schema", schema, "USE_SCHEMA", "CREATE_MODEL")
    where = {"catalog_name": parts[0], "schema_name": parts[1]}
    if call.ws.store.get("model", ".".join(parts)):
        # The code that MLflow's client takes for "go on with the one there is".
        raise exists(f"Registered model '{'.'.join(parts)}' already exists")
    doc = catalog.create(call, "model", ".".join(parts), where | _tags(call, {}))
    return {"registered_model": _model_answer(doc)}


@api.add("GET", f"{_MODELS}/get")
def get_model(call: Call) -> Answer:
    """One model with tags and aliases."""
    return {"registered_model": _model_answer(_model(call))}


@api.add("GET", f"{_MODELS}/search")
def search_models(call: Call) -> Answer:
    """Those that one may see."""
    found = catalog.listing(call, "model", "", "models")["models"]
    args = call.args | {"max_results": int(call.args.get("max_results") or 100)}
    part, links = page(found, args, "max_results", 100, 1000)
    links.pop("prev_page_token", None)
    return {"registered_models": [_model_answer(doc) for doc in part], **links}


@api.add("PATCH", f"{_MODELS}/update")
def update_model(call: Call) -> Answer:
    """Change the description."""
    doc = _owned(call)
    doc["comment"] = call.args.get("description") or ""
    call.ws.store.put("model", doc["full_name"], doc)
    return {"registered_model": _model_answer(doc)}


@api.add("DELETE", f"{_MODELS}/delete")
def delete_model(call: Call) -> Answer:
    """Remove it with its versions."""
    name = _owned(call)["full_name"]
    for version in call.ws.store.all("version", f"{name}/"):
        call.ws.store.delete("version", f"{name}/{version['version']}")
    catalog.remove(call, "model", name, ())
    return {}


@api.add("POST", f"{_MODELS}/set-tag")
def tag_model(call: Call) -> Answer:
    """Set a tag."""
    doc = _owned(call)
    call.ws.store.put("model", doc["full_name"], doc | _tags(call, doc))
    return {}


@api.add("DELETE", f"{_MODELS}/delete-tag")
def untag_model(call: Call) -> Answer:
    """Take a tag away."""
    doc = _owned(call)
    doc.get("_tags", {}).pop(call.args.get("key"), None)
    call.ws.store.put("model", doc["full_name"], doc)
    return {}


@api.add("POST", f"{_MODELS}/alias")
def set_alias(call: Call) -> Answer:
    """Point an alias at a version."""
    doc = _owned(call)
    number = int(_version(call, doc)["version"])
    doc.setdefault("_aliases", {})[str(call.args.get("alias"))] = number
    call.ws.store.put("model", doc["full_name"], doc)
    return {}


@api.add("DELETE", f"{_MODELS}/alias")
def delete_alias(call: Call) -> Answer:
    """Take an alias away."""
    doc = _owned(call)
    doc.get("_aliases", {}).pop(str(call.args.get("alias")), None)
    call.ws.store.put("model", doc["full_name"], doc)
    return {}


@api.add("GET", f"{_MODELS}/alias")
def by_alias(call: Call) -> Answer:
    """The version behind an alias."""
    doc = _model(call)
    number = doc.get("_aliases", {}).get(str(call.args.get("alias")))
    if number is None:
        raise missing(f"Registered model alias '{call.args.get('alias')}' does not exist.")
    return {"model_version": _version_answer(doc, _version(call, doc, str(number)))}


@api.add("POST", f"{_VERSIONS}/create")
def create_version(call: Call) -> Answer:
    """A version whose files are still to come."""
    doc = _owned(call)
    number = call.ws.store.next_id(f"version-{doc['full_name']}")
    version: dict[str, Any] = {
        "model_name": doc["name"],
        "catalog_name": doc["catalog_name"],
        "schema_name": doc["schema_name"],
        "version": number,
        "source": call.args.get("source", ""),
        "run_id": call.args.get("run_id", ""),
        "run_workspace_id": call.args.get("run_tracking_server_id", ""),
        "model_id": call.args.get("model_id", ""),
        "comment": call.args.get("description", ""),
        "status": "PENDING_REGISTRATION",
        "created_by": call.who.name,
        "created_at": now_ms(),
    }
    version["_tags"] = {tag["key"]: tag.get("value", "") for tag in call.args.get("tags") or []}
    call.ws.store.put("version", f"{doc['full_name']}/{number}", version)
    _files(call, doc["full_name"], number).mkdir(parents=True, exist_ok=True)
    return {"model_version": _version_answer(doc, version)}


@api.add("POST", f"{_VERSIONS}/finalize")
def finalize(call: Call) -> Answer:
    """The files are there: READY, unless they are not a model with a signature."""
    doc = _owned(call)
    version = _version(call, doc)
    described = _files(call, doc["full_name"], version["version"]) / "MLmodel"
    if not described.is_file() or "signature:" not in described.read_text():
        raise invalid("The files of the model version are not a model with a signature.")
    return {"model_version": _version_answer(doc, _put(call, doc, version, status="READY"))}


@api.add("GET", f"{_VERSIONS}/get")
def get_version(call: Call) -> Answer:
    """One version with its tags."""
    doc = _model(call)
    return {"model_version": _version_answer(doc, _version(call, doc))}


@api.add("GET", f"{_VERSIONS}/search")
def search_versions(call: Call) -> Answer:
    """Those of a model; without tags and aliases, as on the platform."""
    key, _, value = str(call.args.get("filter") or "").partition("=")
    if key.strip() != "name":
        raise invalid("Only one condition is supported: name='<catalog>.<schema>.<model>'.")
    doc = catalog.one(call, "model", value.strip().strip("'\""))
    found = call.ws.store.all("version", f"{doc['full_name']}/")[::-1]
    args = call.args | {"max_results": int(call.args.get("max_results") or 100)}
    part, links = page(found, args, "max_results", 100, 1000)
    links.pop("prev_page_token", None)
    rows = [_version_answer(doc, version) for version in part]
    return {"model_versions": [{k: v for k, v in r.items() if k not in ("tags", "aliases")} for r in rows],
            **links}  # fmt: skip


@api.add("PATCH", f"{_VERSIONS}/update")
def update_version(call: Call) -> Answer:
    """Change the description."""
    doc = _owned(call)
    version = _version(call, doc)
    changed = _put(call, doc, version, comment=call.args.get("description") or "")
    return {"model_version": _version_answer(doc, changed)}


@api.add("DELETE", f"{_VERSIONS}/delete")
def delete_version(call: Call) -> Answer:
    """Remove a version and the aliases that point to it."""
    doc = _owned(call)
    number = int(_version(call, doc)["version"])
    doc["_aliases"] = {a: v for a, v in doc.get("_aliases", {}).items() if v != number}
    call.ws.store.put("model", doc["full_name"], doc)
    call.ws.store.delete("version", f"{doc['full_name']}/{number}")
    return {}


@api.add("POST", f"{_VERSIONS}/set-tag")
def tag_version(call: Call) -> Answer:
    """Set a tag."""
    doc = _owned(call)
    version = _version(call, doc)
    _put(call, doc, version, **_tags(call, version))
    return {}


@api.add("DELETE", f"{_VERSIONS}/delete-tag")
def untag_version(call: Call) -> Answer:
    """Take a tag away."""
    doc = _owned(call)
    version = _version(call, doc)
    version.get("_tags", {}).pop(call.args.get("key"), None)
    _put(call, doc, version)
    return {}


@api.add("GET", f"{_VERSIONS}/get-download-uri")
def download_uri(call: Call) -> Answer:
    """Where its files lie."""
    doc = _model(call)
    number = _version(call, doc)["version"]
    return {"artifact_uri": f"/Models/{doc['full_name'].replace('.', '/')}/{number}"}


def _model(call: Call) -> dict[str, Any]:
    return catalog.one(call, "model", str(call.args.get("name") or ""))


def _owned(call: Call) -> dict[str, Any]:
    doc = _model(call)
    if not grants.owns(call.ws, call.who, "function", doc["full_name"]):
        grants.require(call.ws, call.who, "function", doc["full_name"], "MANAGE")
    return doc


def _version(call: Call, doc: dict[str, Any], number: str = "") -> dict[str, Any]:
    wanted = number or str(call.args.get("version") or "")
    found = call.ws.store.get("version", f"{doc['full_name']}/{wanted}")
    if found is None:
        raise missing(f"Model version '{doc['full_name']}' {wanted} does not exist.")
    return found


def _put(call: Call, doc: dict[str, Any], version: dict[str, Any], **more: Any) -> dict[str, Any]:
    changed = version | more
    call.ws.store.put("version", f"{doc['full_name']}/{version['version']}", changed)
    return changed


def _tags(call: Call, doc: dict[str, Any]) -> dict[str, Any]:
    """Return the tags of a document with those of a request.

    Source: Databricks documentation, Apply tags to Unity Catalog securable objects, constraints.
    """
    given = list(call.args.get("tags") or [])
    if "key" in call.args:
        given.append({"key": call.args["key"], "value": call.args.get("value", "")})
    for tag in given:
        if _NOT_IN_A_KEY & set(tag["key"]) or len(tag["key"]) > 255:
            raise invalid(f"Tag key '{tag['key']}' is invalid: no . , - = / : or space.")
        if len(str(tag.get("value", ""))) > 1000:
            raise invalid(f"The value of tag '{tag['key']}' is longer than 1000 characters.")
    tags = {**doc.get("_tags", {}), **{tag["key"]: tag.get("value", "") for tag in given}}
    if len(tags) > 50:
        raise ApiError(400, "RESOURCE_LIMIT_EXCEEDED", "At most 50 tags can be assigned.")
    return {"_tags": tags}


def _files(call: Call, name: str, number: int) -> Any:
    return call.ws.root.joinpath("Models", *name.split("."), str(number))


def _pairs(tags: dict[str, str] | None) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in (tags or {}).items()]


def _model_answer(doc: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": doc["full_name"],
        "creation_timestamp": doc["created_at"],
        "last_updated_timestamp": doc["updated_at"],
        "user_id": doc["owner"],
        "description": doc.get("comment", ""),
        "aliases": [{"alias": a, "version": str(v)} for a, v in doc.get("_aliases", {}).items()],
        "tags": _pairs(doc.get("_tags")),
    }


def _version_answer(doc: dict[str, Any], version: dict[str, Any]) -> dict[str, Any]:
    number = version["version"]
    return {
        "name": doc["full_name"],
        "version": str(number),
        "creation_timestamp": version["created_at"],
        "last_updated_timestamp": version["created_at"],
        "user_id": version.get("created_by", ""),
        "description": version.get("comment", ""),
        "source": version["source"],
        "run_id": version["run_id"],
        "run_tracking_server_id": version.get("run_workspace_id", ""),
        "model_id": version.get("model_id", ""),
        "status": version["status"],
        "storage_location": f"dbfs:/fake-models/{doc['full_name']}/{number}",
        "aliases": [
            {"alias": a, "version": str(v)}
            for a, v in doc.get("_aliases", {}).items()
            if v == number
        ],
        "tags": _pairs(version.get("_tags")),
    }
