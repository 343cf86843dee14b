"""A task's node: its folder, libraries, environment and command."""

from __future__ import annotations

import json
import os
import shutil
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cvcore.data.places import MOUNTS_VARIABLE
from launch.workspace import secrets_api
from launch.workspace.jobs.status import Doc
from launch.workspace.jobs.values import arguments

if TYPE_CHECKING:
    from launch.workspace.core import Workspace

# What belongs to whoever started the server, not to a node.
_OURS = ("DATABRICKS_", "MLFLOW_", "LAKESIGHT_", "PYTEST_", "PYTHONPATH", "DB_")


class NodeError(Exception):
    """The node could not be made ready: a termination code and a message."""

    def __init__(self, code: str, message: str) -> None:
        """Take both."""
        super().__init__(message)
        self.code = code


def folder_of(ws: Workspace, task: Doc) -> Path:
    """Return the folder of this attempt's node: stdout, stderr, exit_code, local_disk0 ..."""
    return ws.root / "nodes" / str(task["run_id"])


def prepare(ws: Workspace, run: Doc, task: Doc, spec: Doc) -> tuple[list[str], dict[str, str]]:
    """Make the node's folder and return command and environment.

    Raises:
        NodeError: a library or file is missing, or the run-as identity is gone.
    """
    folder = folder_of(ws, task)
    shutil.rmtree(folder, ignore_errors=True)
    for name in ("local_disk0", "site", "tmp"):
        (folder / name).mkdir(parents=True)
    for script in spec.get("init_scripts") or []:
        for place in script.values():
            _file(ws, place["destination"], "INVALID_CLUSTER_REQUEST", "init script")
    provided = _install(ws, folder / "site", _libraries(run, task))
    body = _entry(ws, run, task, provided)
    environment = _environment(ws, run, task, spec, folder)
    if body["kind"] == "script":
        return ["/bin/bash", body["file"]], environment
    (folder / "task.json").write_text(json.dumps(body), encoding="utf-8")
    entry = Path(__file__).with_name("entry.py")
    return [sys.executable, "-P", str(entry), str(folder / "task.json")], environment


def _libraries(run: Doc, task: Doc) -> list[dict[str, Any]]:
    libraries = list(task.get("libraries") or [])
    for environment in run["_environments"]:
        if environment["environment_key"] == task.get("environment_key"):
            for text in (environment.get("spec") or {}).get("dependencies") or []:
                whl = text.endswith(".whl")
                libraries.append({"whl": text} if whl else {"pypi": {"package": text}})
    return libraries


def _install(ws: Workspace, site: Path, libraries: list[dict[str, Any]]) -> bool:
    """Unpack wheels; whether anything was asked for. PyPI names come from this interpreter."""
    for library in libraries:
        if whl := library.get("whl"):
            path = _file(ws, whl, "LIBRARY_INSTALLATION_ERROR", "wheel")
            try:
                with zipfile.ZipFile(path) as archive:
                    archive.extractall(site)
            except zipfile.BadZipFile as error:
                raise NodeError(
                    "LIBRARY_INSTALLATION_ERROR", f"Library installation failed: {whl} is no wheel."
                ) from error
        elif requirements := library.get("requirements"):
            _file(ws, requirements, "LIBRARY_INSTALLATION_ERROR", "requirements file")
    return bool(libraries)


def _entry(ws: Workspace, run: Doc, task: Doc, provided: bool) -> dict[str, Any]:
    if body := task.get("python_wheel_task"):
        if not provided:
            raise NodeError(
                "RUN_EXECUTION_ERROR",
                f"Python wheel with name {body['package_name']} could not be found. Please check "
                "the libraries of the task.",
            )
        return {
            "kind": "wheel",
            "package": body["package_name"],
            "entry_point": body["entry_point"],
            "argv0": body["entry_point"],
            "arguments": arguments(run, task, body),
        }
    if body := task.get("spark_python_task"):
        source = body["python_file"]
        path = _file(ws, source, "RESOURCE_NOT_FOUND", "Python file")
        argv = arguments(run, task, body)
        return {"kind": "file", "file": str(path), "argv0": source, "arguments": argv}
    source = task["ai_runtime_task"]["deployments"][0].get("command_path") or ""
    path = _file(ws, source, "RESOURCE_NOT_FOUND", "command file")
    return {"kind": "script", "file": str(path)}


def _file(ws: Workspace, path: str, code: str, what: str) -> Path:
    local = ws.local(path)
    if local is None or not local.is_file():
        raise NodeError(code, f"Cannot read the {what} {path}: no such file.")
    return local


def _environment(ws: Workspace, run: Doc, task: Doc, spec: Doc, folder: Path) -> dict[str, str]:
    if ws.identities.get(run["_run_as"]) is None:
        raise NodeError("UNAUTHORIZED_ERROR", f"The run-as identity {run['_run_as']} is gone.")
    task["_token"] = ws.identities.new_token(run["_run_as"])
    base = {key: value for key, value in os.environ.items() if not key.startswith(_OURS)}
    mounts = {**ws.mounts(), "/local_disk0": folder / "local_disk0"}
    node = {
        "DATABRICKS_RUNTIME_VERSION": ".".join(spec.get("spark_version", "17.3").split(".")[:2]),
        # Stand in for the REPL's own credentials, which the SDK and MLflow find on a node.
        "DATABRICKS_HOST": ws.host,
        "DATABRICKS_TOKEN": task["_token"],
        "MLFLOW_TRACKING_URI": "databricks",
        "DB_HOME": "/databricks",
        "DB_IS_DRIVER": "TRUE",
        "DB_IS_JOB_CLUSTER": "TRUE",
        "DB_CLUSTER_ID": (task.get("cluster_instance") or {}).get("cluster_id", ""),
        "DB_INSTANCE_TYPE": spec.get("node_type_id", ""),
        "DB_DRIVER_IP": "127.0.0.1",
        "DB_CONTAINER_IP": "127.0.0.1",
        "PYTHONPATH": str(folder / "site"),
        "PYTHONUNBUFFERED": "1",
        "TMPDIR": str(folder / "tmp"),
        MOUNTS_VARIABLE: os.pathsep.join(f"{name}={path}" for name, path in mounts.items()),
    }
    return base | node | _asked_for(ws, spec)


def _asked_for(ws: Workspace, spec: Doc) -> dict[str, str]:
    values = {}
    for name, value in (spec.get("spark_env_vars") or {}).items():
        resolved = secrets_api.resolve(ws, value)
        if resolved is None:
            raise NodeError(
                "INVALID_CLUSTER_REQUEST", f"The secret of {name}, {value}, is missing."
            )
        values[name] = resolved
    return values
