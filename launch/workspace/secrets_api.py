"""Secret scopes; tasks get their values by `{{secrets/<scope>/<key>}}` in spark_env_vars."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING

from databricks.sdk.service.workspace import SecretsAPI

from launch.workspace.errors import ApiError, invalid, missing
from launch.workspace.jobs.status import now_ms
from launch.workspace.routes import Answer, Call, Routes

if TYPE_CHECKING:
    from launch.workspace.core import Workspace

api = Routes()
_PATH = "/api/2.0/secrets"
_REFERENCE = re.compile(r"^\{\{secrets/([^/{}]+)/([^/{}]+)\}\}$")


@api.add("POST", f"{_PATH}/scopes/create", like=SecretsAPI.create_scope)
def create_scope(call: Call) -> Answer:
    """A scope."""
    name = call.args["scope"]
    if call.ws.store.get("scope", name):
        raise ApiError(400, "RESOURCE_ALREADY_EXISTS", f"Scope {name} already exists!")
    call.ws.store.put("scope", name, {"name": name, "backend_type": "DATABRICKS"})
    return None


@api.add("GET", f"{_PATH}/scopes/list", like=SecretsAPI.list_scopes)
def list_scopes(call: Call) -> Answer:
    """All scopes."""
    return {"scopes": call.ws.store.all("scope")}


@api.add("POST", f"{_PATH}/put", like=SecretsAPI.put_secret)
def put(call: Call) -> Answer:
    """Keep a value, given as text or as base64."""
    scope, key = _scope(call), call.args["key"]
    text, raw = call.args.get("string_value"), call.args.get("bytes_value")
    if (text is None) == (raw is None):
        raise invalid("Give exactly one of string_value and bytes_value.")
    value = base64.b64encode(text.encode()).decode() if text is not None else raw
    doc = {"key": key, "value": value, "last_updated_timestamp": now_ms()}
    call.ws.store.put("scoped-secret", f"{scope}/{key}", doc)
    return None


@api.add("GET", f"{_PATH}/get", like=SecretsAPI.get_secret)
def get(call: Call) -> Answer:
    """A value, as base64."""
    found = call.ws.store.get("scoped-secret", f"{_scope(call)}/{call.args['key']}")
    if found is None:
        raise missing(
            f"Secret does not exist with scope: {_scope(call)} and key: {call.args['key']}"
        )
    return {"key": found["key"], "value": found["value"]}


@api.add("GET", f"{_PATH}/list", like=SecretsAPI.list_secrets)
def list_secrets(call: Call) -> Answer:
    """Names, never values."""
    found = call.ws.store.all("scoped-secret", f"{_scope(call)}/")
    shown = ("key", "last_updated_timestamp")
    return {"secrets": [{name: doc[name] for name in shown} for doc in found]}


@api.add("POST", f"{_PATH}/delete", like=SecretsAPI.delete_secret)
def delete(call: Call) -> Answer:
    """Forget a value."""
    call.ws.store.delete("scoped-secret", f"{_scope(call)}/{call.args['key']}")
    return None


def resolve(ws: Workspace, value: str) -> str | None:
    """Return an environment variable's value with a secret put in; None if it is not there."""
    match = _REFERENCE.match(value)
    if match is None:
        return value
    found = ws.store.get("scoped-secret", f"{match[1]}/{match[2]}")
    return base64.b64decode(found["value"]).decode() if found else None


def _scope(call: Call) -> str:
    scope = str(call.args["scope"])
    if call.ws.store.get("scope", scope) is None:
        raise missing(f"Scope {scope} does not exist!")
    return scope
