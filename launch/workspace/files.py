"""Files API: the files of Volumes, and those of MLflow runs as MLflow's client reaches them."""

from __future__ import annotations

import mimetypes
import re
from pathlib import Path
from typing import Any

from werkzeug.utils import send_file
from werkzeug.wrappers import Response

from launch.workspace import grants
from launch.workspace.errors import ApiError, denied, invalid
from launch.workspace.routes import Answer, Call, Routes, page

api = Routes()
_FILES, _DIRECTORIES = "/api/2.0/fs/files/<path:path>", "/api/2.0/fs/directories/<path:path>"
_LIMIT_BYTES = 5 * 1024**3
_ARTIFACTS = re.compile(r"^WorkspaceInternal/Mlflow/Artifacts/([^/]+)/(Runs|LoggedModels)/(.+)$")


@api.add("PUT", _FILES, locked=False)
def upload(call: Call) -> Answer:
    """Write a file whole: readers see the old one or the new one."""
    path = _local(call, write=True)
    if path.is_dir():
        raise ApiError(409, "ALREADY_EXISTS", "The path is a directory.")
    if path.exists() and call.args.get("overwrite") != "true":
        raise ApiError(409, "ALREADY_EXISTS", "The file being created already exists.")
    if (call.request.content_length or 0) > _LIMIT_BYTES:
        raise invalid("A single upload may have 5 GiB.")
    if call.path["path"].startswith(("WorkspaceInternal/", "Models/")):
        path.parent.mkdir(parents=True, exist_ok=True)
    elif not path.parent.is_dir():
        raise ApiError(404, "NOT_FOUND", "The parent directory does not exist; create it first.")
    part = path.with_name(f".{path.name}.{call.ws.store.next_id('upload')}.part")
    with part.open("wb") as out:
        while chunk := call.request.stream.read(1 << 20):
            out.write(chunk)
    part.replace(path)
    return Response(status=204)


@api.add("POST", _FILES)
def initiate(call: Call) -> Answer:
    """Begin a multipart upload; having no part URLs, the client then sends the file in one."""
    _local(call, write=True)
    if call.args.get("action") != "initiate-upload":
        raise invalid(f"Unknown action '{call.args.get('action')}'.")
    return {"multipart_upload": {"session_token": "one-shot"}}


@api.add("GET", _FILES, locked=False)
def download(call: Call) -> Answer:
    """The bytes, or a range of them."""
    path = _file(call)
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return send_file(path, call.request.environ, mimetype=kind, conditional=True, etag=False)


@api.add("DELETE", _FILES)
def delete(call: Call) -> Answer:
    """Remove a file."""
    _local(call, write=True)
    _file(call).unlink()
    return Response(status=204)


@api.add("PUT", _DIRECTORIES)
def create_directory(call: Call) -> Answer:
    """Make it with its parents; it may be there."""
    path = _local(call, write=True)
    if path.is_file():
        raise ApiError(409, "ALREADY_EXISTS", "The path is a file.")
    path.mkdir(parents=True, exist_ok=True)
    return Response(status=204)


@api.add("GET", _DIRECTORIES, locked=False)
def list_directory(call: Call) -> Answer:
    """Names, sizes and times, in pages. HEAD says only whether it is there."""
    path = _local(call, write=False)
    if not path.is_dir():
        raise ApiError(404, "NOT_FOUND", "The directory being accessed is not found.")
    if call.request.method == "HEAD":
        return Response(status=200)
    base = "/" + call.path["path"].rstrip("/")
    names = sorted(p for p in path.iterdir() if not p.name.endswith(".part"))
    args = call.args | {"page_size": int(call.args.get("page_size") or 1000)}
    part, links = page(names, args, "page_size", 1000, 1000)
    links.pop("prev_page_token", None)
    return {"contents": [_entry(base, child) for child in part], **links}


@api.add("DELETE", _DIRECTORIES)
def delete_directory(call: Call) -> Answer:
    """Remove an empty directory."""
    path = _local(call, write=True)
    if not path.is_dir():
        raise ApiError(404, "NOT_FOUND", "The directory being accessed is not found.")
    if any(path.iterdir()):
        raise ApiError(400, "DIRECTORY_NOT_EMPTY", "The directory is not empty.")
    path.rmdir()
    return Response(status=204)


def _entry(base: str, path: Path) -> dict[str, Any]:
    stat = path.stat()
    entry: dict[str, Any] = {
        "path": f"{base}/{path.name}",
        "name": path.name,
        "is_directory": path.is_dir(),
        "last_modified": int(stat.st_mtime * 1000),
    }
    return entry if path.is_dir() else entry | {"file_size": stat.st_size}


def _file(call: Call) -> Path:
    path = _local(call, write=False)
    if not path.is_file():
        raise ApiError(404, "NOT_FOUND", "The file being accessed is not found.")
    return path


def _local(call: Call, write: bool) -> Path:
    """Return the local path behind the request's, having checked volume and grants."""
    parts = [part for part in call.path["path"].split("/") if part]
    if ".." in parts:
        raise invalid("The path must not contain '..'.")
    if match := _ARTIFACTS.match("/".join(parts)):
        middle = "" if match[2] == "Runs" else "logged_models/"
        return call.ws.mlflow.folder / "artifacts" / match[1] / f"{middle}{match[3]}"
    if parts[:1] == ["Models"] and len(parts) >= 5:
        return _of_model(call, parts, write)
    if parts[:1] != ["Volumes"] or len(parts) < 4:
        raise invalid(f"Invalid path '/{'/'.join(parts)}': /Volumes/<catalog>/<schema>/<volume>/…")
    name = ".".join(parts[1:4])
    if name != name.lower() or call.ws.store.get("volume", name) is None:
        raise ApiError(404, "NOT_FOUND", f"Volume '{name}' does not exist.")
    privilege = "WRITE_VOLUME" if write else "READ_VOLUME"
    grants.require(call.ws, call.who, "volume", name, privilege)
    root = call.ws.root.joinpath("Volumes", *parts[1:4])
    path = root.joinpath(*parts[4:])
    if not path.resolve().is_relative_to(root.resolve()):
        raise denied("The path leaves the volume.")
    return path


def _of_model(call: Call, parts: list[str], write: bool) -> Path:
    """Return the local path of a file of a model version; only a pending version is written."""
    name, number = ".".join(parts[1:4]), parts[4]
    version = call.ws.store.get("version", f"{name}/{number}")
    if version is None:
        raise ApiError(404, "NOT_FOUND", f"Model version '{name}' {number} does not exist.")
    if not write:
        grants.require(call.ws, call.who, "function", name, "EXECUTE")
    elif not grants.owns(call.ws, call.who, "function", name):
        grants.require(call.ws, call.who, "function", name, "MANAGE")
    if write and version["status"] != "PENDING_REGISTRATION":
        raise denied(f"Model version '{name}' {number} is finalized; its files don't change.")
    return call.ws.root.joinpath("Models", *parts[1:])
