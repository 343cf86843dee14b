"""Serving endpoints: their configuration and states.

Answers come from plugged-in functions, or from the registered models themselves where the test has
asked for it (`FakeWorkspace.host_models`).
"""

from __future__ import annotations

import json
import re
import time
import uuid
from typing import Any

from databricks.sdk.service.serving import ServingEndpointsAPI
from werkzeug.wrappers import Response

from launch.workspace import grants, inference_log, permissions
from launch.workspace.errors import ApiError, bad_state, exists, invalid, missing
from launch.workspace.jobs.status import now_ms
from launch.workspace.routes import Answer, Call, Routes

api = Routes()
_PATH = "/api/2.0/serving-endpoints"
_ONE = f"{_PATH}/<name>"
_NAME = re.compile(r"^[A-Za-z0-9_-]{1,63}$")
_QUERY_BYTES = 16 * 1024**2


@api.add("POST", _PATH, like=ServingEndpointsAPI.create)
def create(call: Call) -> Answer:
    """Create an endpoint; it is READY at the first look after."""
    name = call.args["name"]
    if not _NAME.match(name):
        raise invalid(f"Endpoint name '{name}': 1 to 63 letters, digits, dashes, underscores.")
    if call.ws.store.get("endpoint", name):
        raise exists(f"Endpoint with name '{name}' already exists.")
    config = dict(call.args.get("config") or {})
    config.pop("name", None)
    doc: dict[str, Any] = {
        "name": name,
        "id": uuid.uuid4().hex,
        "creator": call.who.name,
        "creation_timestamp": now_ms(),
        "last_updated_timestamp": now_ms(),
        "tags": call.args.get("tags") or [],
        "description": call.args.get("description") or "",
        "route_optimized": bool(call.args.get("route_optimized")),
        "endpoint_url": f"{call.ws.host}/serving-endpoints/{name}/invocations",
        "state": {"ready": "NOT_READY", "config_update": "IN_PROGRESS"},
    }
    doc["pending_config"] = _config(call, config, 1)
    if call.args.get("ai_gateway"):
        doc["ai_gateway"] = call.args["ai_gateway"]
    call.ws.store.put("endpoint", name, doc)
    call.ws.store.put("endpoint-id", doc["id"], {"name": name})
    permissions.own(call.ws, "serving-endpoints", doc["id"], call.who)
    return doc


@api.add("GET", _PATH, like=ServingEndpointsAPI.list)
def list_endpoints(call: Call) -> Answer:
    """Those that one may see."""
    seen = [doc for doc in call.ws.store.all("endpoint") if _may(call, doc, "CAN_VIEW")]
    return {"endpoints": seen}


@api.add("GET", _ONE, like=ServingEndpointsAPI.get)
def get(call: Call) -> Answer:
    """One endpoint. A pending configuration becomes the current one after it was seen pending."""
    doc = _one(call, "CAN_VIEW")
    if doc["state"]["config_update"] == "IN_PROGRESS" and _is_hosted(call, doc):
        settled = dict(doc)
        settled["config"] = settled.pop("pending_config")
        for entity in settled["config"]["served_entities"]:
            entity["state"] = {"deployment": "DEPLOYMENT_READY", "deployment_state_message": ""}
        settled["state"] = {"ready": "READY", "config_update": "NOT_UPDATING"}
        call.ws.store.put("endpoint", doc["name"], settled)
        call.ws.hosting.keep(
            doc["name"], [entity["name"] for entity in settled["config"]["served_entities"]]
        )
    return doc


def _is_hosted(call: Call, doc: dict[str, Any]) -> bool:
    """Whether every pending entity answers; an update with one that can't be loaded has failed."""
    if not call.ws.hosting.on:
        return True
    entities = doc["pending_config"]["served_entities"]
    for entity in entities:
        deployment, message = call.ws.hosting.state(call.ws, doc["name"], entity)
        entity["state"] = {"deployment": deployment, "deployment_state_message": message}
        if deployment == "DEPLOYMENT_FAILED":
            doc["state"]["config_update"] = "UPDATE_FAILED"
    call.ws.store.put("endpoint", doc["name"], doc)
    return all(entity["state"]["deployment"] == "DEPLOYMENT_READY" for entity in entities)


@api.add("PUT", f"{_ONE}/config", like=ServingEndpointsAPI.update_config)
def update_config(call: Call) -> Answer:
    """Replace the whole configuration; not while another update is in progress."""
    doc = _one(call, "CAN_MANAGE")
    if doc["state"]["config_update"] == "IN_PROGRESS":
        raise ApiError(
            409, "RESOURCE_CONFLICT", f"Endpoint '{doc['name']}' is being updated; try again later."
        )
    version = doc.get("config", {}).get("config_version", 0) + 1
    doc["pending_config"] = _config(call, call.args, version)
    doc["state"]["config_update"] = "IN_PROGRESS"
    doc["last_updated_timestamp"] = now_ms()
    call.ws.store.put("endpoint", doc["name"], doc)
    return doc


@api.add("DELETE", _ONE, like=ServingEndpointsAPI.delete)
def delete(call: Call) -> Answer:
    """Remove it."""
    doc = _one(call, "CAN_MANAGE")
    call.ws.store.delete("endpoint", doc["name"])
    call.ws.store.delete("endpoint-id", doc["id"])
    call.ws.hosting.keep(doc["name"], [])
    return None


@api.add("PATCH", f"{_ONE}/tags", like=ServingEndpointsAPI.patch)
def patch_tags(call: Call) -> Answer:
    """Add tags, and take some away."""
    doc = _one(call, "CAN_MANAGE")
    added = call.args.get("add_tags") or []
    gone = {*(call.args.get("delete_tags") or []), *(tag["key"] for tag in added)}
    doc["tags"] = [tag for tag in doc["tags"] if tag["key"] not in gone] + added
    call.ws.store.put("endpoint", doc["name"], doc)
    return {"tags": doc["tags"]}


@api.add("PUT", f"{_ONE}/ai-gateway", like=ServingEndpointsAPI.put_ai_gateway)
def put_ai_gateway(call: Call) -> Answer:
    """Set inference tables and limits."""
    doc = _one(call, "CAN_MANAGE")
    doc["ai_gateway"] = call.args
    call.ws.store.put("endpoint", doc["name"], doc)
    return doc["ai_gateway"]


@api.add("GET", f"{_ONE}/served-models/<entity>/build-logs", locked=False)
def build_logs(call: Call) -> Answer:
    """There is nothing to build here: the models run in this environment."""
    _one(call, "CAN_VIEW")
    return {"logs": f"{call.path['entity']}: runs in the test double's own environment.\n"}


@api.add("GET", f"{_ONE}/served-models/<entity>/logs", locked=False)
def logs(call: Call) -> Answer:
    """What the scoring server wrote."""
    doc = _one(call, "CAN_VIEW")
    return {"logs": call.ws.hosting.log(doc["name"], call.path["entity"])}


@api.add("POST", "/serving-endpoints/<name>/invocations", locked=False)
def query(call: Call) -> Answer:
    """Ask the plugged-in function or the model; without one, 501 and no invented prediction."""
    doc = _one(call, "CAN_QUERY")
    if (call.request.content_length or 0) > _QUERY_BYTES:
        raise ApiError(413, "BAD_REQUEST", "The request exceeds the limit of 16 MB.")
    if doc["state"]["ready"] != "READY":
        raise bad_state(f"Endpoint '{doc['name']}' is not ready.")
    began = time.monotonic()
    answer = _answer(call, doc)
    inference_log.write(call, doc, answer, time.monotonic() - began)
    return answer


def _answer(call: Call, doc: dict[str, Any]) -> Response:
    answer = call.ws.handlers.find(doc["name"])
    if answer is None and call.ws.hosting.on:
        status, body, served = call.ws.hosting.answer(doc, call.request.get_data())
        headers = {"served-model-name": served}
        return Response(body, status, headers, mimetype="application/json")
    if answer is None:
        raise ApiError(
            501,
            "NOT_IMPLEMENTED",
            f"This test double has no model behind '{doc['name']}'. Plug a function in with "
            "FakeWorkspace.serve(name, function).",
        )
    return Response(json.dumps(answer(call.args)), mimetype="application/json")


def _config(call: Call, config: dict[str, Any], version: int) -> dict[str, Any]:
    entities = [dict(entity) for entity in config.get("served_entities") or []]
    for entity in entities:
        _entity(call, entity)
    routes = (config.get("traffic_config") or {}).get("routes") or []
    if len(entities) > 1 and not routes:
        raise invalid("traffic_config is required with more than one served entity.")
    if routes and sum(route["traffic_percentage"] for route in routes) != 100:
        raise invalid("The traffic percentages must add up to 100.")
    if not routes and entities:
        routes = [{"served_model_name": entities[0]["name"], "traffic_percentage": 100}]
    traffic = {"routes": routes}
    return {"served_entities": entities, "traffic_config": traffic, "config_version": version}


def _entity(call: Call, entity: dict[str, Any]) -> None:
    name, version = entity.get("entity_name") or "", entity.get("entity_version")
    if version is None:
        raise invalid(f"Missing required field: entity_version of served entity '{name}'")
    if call.ws.store.get("version", f"{name.lower()}/{version}") is None:
        raise missing(f"Model version '{name}' {version} does not exist.")
    grants.require(call.ws, call.who, "function", name.lower(), "EXECUTE")
    sized = entity.get("workload_size") or entity.get("max_provisioned_concurrency") is not None
    if not sized:
        raise invalid(f"Served entity '{name}' needs workload_size or provisioned concurrency.")
    entity.setdefault("name", f"{name.rpartition('.')[2]}-{version}")
    entity |= {"creator": call.who.name, "creation_timestamp": now_ms()}
    entity["state"] = {"deployment": "DEPLOYMENT_CREATING", "deployment_state_message": ""}


def _one(call: Call, level: str) -> dict[str, Any]:
    doc = call.ws.store.get("endpoint", call.path["name"])
    if doc is None:
        raise missing(f"Endpoint with name '{call.path['name']}' does not exist.")
    permissions.require(call.ws, call.who, "serving-endpoints", doc["id"], level)
    return doc


def _may(call: Call, doc: dict[str, Any], level: str) -> bool:
    return permissions.allows(call.ws, call.who, "serving-endpoints", doc["id"], level)
