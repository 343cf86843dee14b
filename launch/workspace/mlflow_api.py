"""MLflow's REST API: passed on to the real server behind, under the workspace's own rules."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import urllib3
from databricks.sdk.service.ml import ExperimentsAPI
from werkzeug.wrappers import Response

from launch.workspace import permissions
from launch.workspace.errors import ApiError, invalid, missing
from launch.workspace.routes import Answer, Call, Routes
from launch.workspace.workspace_files import local

api = Routes()
_POOL = urllib3.PoolManager(maxsize=8)
# MLflow's own server says models, the platform logged_models.
_MODEL_URI = re.compile(rb"(dbfs:/databricks/mlflow-tracking/[^/\"]+)/models/(m-)")
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


@api.add("POST", "/api/2.0/mlflow/experiments/create", locked=False)
def create_experiment(call: Call) -> Answer:
    """An experiment is an object of the workspace tree: its name is an absolute path."""
    name = str(call.args.get("name") or "")
    if not name.startswith("/"):
        raise invalid(
            f"Got an invalid experiment name '{name}'. An experiment name must be an absolute path "
            "within the Databricks workspace, e.g. '/Users/<some-username>/my-experiment'."
        )
    path = local(call, name)
    if not path.parent.is_dir():
        raise missing(f"Workspace directory '{name.rpartition('/')[0]}' not found.")
    if path.exists():
        raise ApiError(400, "RESOURCE_ALREADY_EXISTS", f"Node named '{path.name}' already exists.")
    tags = [
        *(call.args.get("tags") or []),
        {"key": "mlflow.experimentType", "value": "MLFLOW_EXPERIMENT"},
        {"key": "mlflow.ownerId", "value": str(call.who.id)},
        {"key": "mlflow.ownerEmail", "value": call.who.name},
    ]
    body = call.args | {"name": _name(name), "tags": tags}
    answer = _forward(call, body)
    if answer.status_code == 200:
        made = json.loads(answer.get_data())["experiment_id"]
        permissions.own(call.ws, "experiments", made, call.who)
    return answer


@api.add("GET", "/api/2.0/mlflow/experiments/get-by-name", locked=False)
def get_by_name(call: Call) -> Answer:
    """By its path, with or without /Workspace."""
    return _forward(call, None, {"experiment_name": _name(call.args.get("experiment_name", ""))})


@api.add(
    "GET", "/api/2.0/mlflow/experiments/list", like=ExperimentsAPI.list_experiments, locked=False
)
def list_experiments(call: Call) -> Answer:
    """The platform still has it; MLflow's server has only the search."""
    url = "/api/2.0/mlflow/experiments/search"
    body = {"max_results": 1000} | {k: v for k, v in call.args.items() if k != "view_type"}
    return _send(call, "POST", url, json.dumps(body), "")


@api.add("GET", "/api/2.0/mlflow/artifacts/list", locked=False)
def list_artifacts(call: Call) -> Answer:
    """The files of a run."""
    run_id = str(call.args.get("run_id") or call.args.get("run_uuid") or "")
    roots = list((call.ws.mlflow.folder / "artifacts").glob(f"*/{run_id}/artifacts"))
    if not run_id.isalnum() or not roots:
        return {"files": []}
    wanted = roots[0] / str(call.args.get("path") or "")
    if not wanted.resolve().is_relative_to(roots[0].resolve()):
        raise invalid("Invalid path")
    children = sorted(wanted.iterdir()) if wanted.is_dir() else []
    return {"files": [_file(roots[0], child) for child in children]}


def _passed_on(call: Call) -> Answer:
    if experiment := call.args.get("experiment_id"):
        reading = call.request.method == "GET" or call.request.path.endswith("/search")
        level = "CAN_READ" if reading else "CAN_EDIT"
        permissions.require(call.ws, call.who, "experiments", str(experiment), level)
    return _forward(call, call.args if call.request.get_data() else None)


for _method in _METHODS:
    api.add(_method, "/api/<any('2.0','3.0'):_api>/mlflow/<path:_rest>", locked=False)(_passed_on)


def _forward(
    call: Call, body: dict[str, Any] | None, query: dict[str, str] | None = None
) -> Response:
    text = urlencode(query) if query else call.request.query_string.decode()
    sent = None if body is None else json.dumps(body)
    return _send(call, call.request.method, call.request.path, sent, text)


def _send(call: Call, method: str, path: str, body: str | None, query: str) -> Response:
    try:
        url = call.ws.mlflow.url() + path
    except OSError as error:
        raise ApiError(503, "TEMPORARILY_UNAVAILABLE", str(error)) from error
    answer = _POOL.request(
        method,
        f"{url}?{query}" if query else url,
        body=body,
        headers={"Content-Type": "application/json"},
        retries=False,
        timeout=120,
    )
    data = _MODEL_URI.sub(rb"\1/logged_models/\2", answer.data)
    return Response(data, answer.status, mimetype=answer.headers.get("Content-Type"))


def _name(name: str) -> str:
    return name.removeprefix("/Workspace") if name.startswith("/Workspace/") else name


def _file(root: Path, path: Path) -> dict[str, Any]:
    entry: dict[str, Any] = {"path": str(path.relative_to(root)), "is_dir": path.is_dir()}
    return entry if path.is_dir() else entry | {"file_size": path.stat().st_size}
