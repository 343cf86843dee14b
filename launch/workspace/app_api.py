"""Databricks Apps: their records, service principals, resources and deployments. Nothing runs."""

from __future__ import annotations

import re
import time
from typing import Any

from databricks.sdk.service.apps import App, AppDeployment, AppsAPI

from launch.workspace import permissions
from launch.workspace.errors import bad_state, exists, invalid, missing
from launch.workspace.routes import Answer, Call, Routes, page

api = Routes()
_PATH = "/api/2.0/apps"
_ONE = f"{_PATH}/<name>"
_NAME = re.compile(r"^[a-z0-9-]{2,30}$")
_KINDS = {
    "app", "database", "experiment", "genie_space", "job", "postgres", "secret",
    "serving_endpoint", "sql_warehouse", "uc_securable",
}  # fmt: skip


@api.add("POST", _PATH, body=App)
def create(call: Call) -> Answer:
    """Create an app with a service principal of its own."""
    name = call.args["name"]
    if not _NAME.match(name):
        raise invalid(f"App name '{name}' may hold lowercase letters, digits and dashes only.")
    if call.ws.store.get("app", name):
        raise exists(f"App with name {name} already exists.")
    client_id, _ = call.ws.identities.add_service_principal(f"app-{name}")
    principal = call.ws.identities.get(client_id)
    stopped = call.args.get("no_compute") == "true"
    given = {key: value for key, value in call.args.items() if key != "no_compute"}
    doc = {
        "id": f"app-{name}",
        "creator": call.who.name,
        "create_time": _now(),
        "url": f"https://{name}-1234567890.aws.databricksapps.com",
        "service_principal_client_id": client_id,
        "service_principal_id": principal.id if principal else 0,
        "service_principal_name": f"app-{name}",
        "compute_size": "MEDIUM",
        **given,
    }
    _grant(call, doc)
    _states(doc, running=not stopped)
    call.ws.store.put("app", name, doc)
    permissions.own(call.ws, "apps", name, call.who)
    return doc


@api.add("GET", _PATH, like=AppsAPI.list)
def list_apps(call: Call) -> Answer:
    """All apps."""
    part, links = page(call.ws.store.all("app"), call.args, "page_size", 20, 100)
    links.pop("prev_page_token", None)
    return {"apps": part, **links}


@api.add("GET", _ONE, like=AppsAPI.get)
def get(call: Call) -> Answer:
    """One app."""
    return _one(call, "CAN_USE")


@api.add("PATCH", _ONE, body=App)
def update(call: Call) -> Answer:
    """Change it; a list of resources REPLACES the old one."""
    doc = _one(call, "CAN_MANAGE") | call.args | {"update_time": _now()}
    _grant(call, doc)
    call.ws.store.put("app", doc["name"], doc)
    return doc


@api.add("DELETE", _ONE, like=AppsAPI.delete)
def delete(call: Call) -> Answer:
    """Remove it with its service principal."""
    doc = _one(call, "CAN_MANAGE")
    call.ws.identities.remove(doc["service_principal_client_id"])
    call.ws.store.delete("app", doc["name"])
    return doc


@api.add("POST", f"{_ONE}/start")
def start(call: Call) -> Answer:
    """Start its compute."""
    return _switch(call, running=True)


@api.add("POST", f"{_ONE}/stop")
def stop(call: Call) -> Answer:
    """Stop its compute."""
    return _switch(call, running=False)


@api.add("POST", f"{_ONE}/deployments", body=AppDeployment)
def deploy(call: Call) -> Answer:
    """Deploy what lies at a workspace path."""
    doc = _one(call, "CAN_MANAGE")
    if doc["compute_status"]["state"] != "ACTIVE":
        raise bad_state(f"App {doc['name']} is stopped; start it before deploying.")
    source = call.args.get("source_code_path") or ""
    path = call.ws.local(source)
    if path is None or not path.is_dir():
        raise missing(f"Source code path {source} does not exist.")
    number = call.ws.store.next_id(f"deployment-{doc['name']}")
    deployment = {
        **call.args,
        "deployment_id": f"{number:032x}",
        "creator": call.who.name,
        "create_time": _now(),
        "mode": call.args.get("mode") or "SNAPSHOT",
        "status": {"state": "SUCCEEDED", "message": "Recorded; this double runs no app."},
    }
    call.ws.store.put("deployment", f"{doc['name']}/{deployment['deployment_id']}", deployment)
    doc |= {"active_deployment": deployment, "default_source_code_path": source}
    _states(doc, running=True)
    call.ws.store.put("app", doc["name"], doc)
    return deployment


@api.add("GET", f"{_ONE}/deployments")
def list_deployments(call: Call) -> Answer:
    """Newest first."""
    name = _one(call, "CAN_USE")["name"]
    return {"app_deployments": call.ws.store.all("deployment", f"{name}/")[::-1]}


@api.add("GET", f"{_ONE}/deployments/<deployment_id>")
def get_deployment(call: Call) -> Answer:
    """One deployment."""
    name = _one(call, "CAN_USE")["name"]
    found = call.ws.store.get("deployment", f"{name}/{call.path['deployment_id']}")
    if found is None:
        raise missing(f"Deployment {call.path['deployment_id']} does not exist.")
    return found


def _switch(call: Call, running: bool) -> dict[str, Any]:
    doc = _one(call, "CAN_MANAGE")
    _states(doc, running)
    call.ws.store.put("app", doc["name"], doc)
    return doc


def _states(doc: dict[str, Any], running: bool) -> None:
    doc["compute_status"] = {"state": "ACTIVE" if running else "STOPPED", "message": ""}
    up = running and "active_deployment" in doc
    doc["app_status"] = {"state": "RUNNING" if up else "UNAVAILABLE", "message": ""}


def _grant(call: Call, doc: dict[str, Any]) -> None:
    """Give the app's service principal what its resources name."""
    client_id = doc["service_principal_client_id"]
    for resource in doc.get("resources") or []:
        kinds = [kind for kind in _KINDS if resource.get(kind)]
        if len(kinds) != 1:
            raise invalid(f"Resource '{resource['name']}' must name exactly one thing.")
        body = resource[kinds[0]]
        if kinds == ["job"]:
            entry = {
                "service_principal_name": client_id,
                "permission_level": body["permission"],
            }
            permissions.add(call.ws, "jobs", body["id"], entry)
        elif kinds == ["uc_securable"]:
            key = f"{body['securable_type'].lower()}/{body['securable_full_name'].lower()}"
            granted = call.ws.store.get("grant", key) or {}
            granted[client_id] = sorted({*granted.get(client_id, []), body["permission"]})
            call.ws.store.put("grant", key, granted)


def _one(call: Call, level: str) -> dict[str, Any]:
    doc = call.ws.store.get("app", call.path["name"])
    own = doc is not None and doc["service_principal_client_id"] == call.who.name
    if doc is None:
        raise missing(f"App with name {call.path['name']} does not exist or is deleted.")
    if not own:
        permissions.require(call.ws, call.who, "apps", doc["name"], level)
    return doc


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
