"""The workspace tree: folders, files and notebooks under /Users, /Shared and /Workspace."""

from __future__ import annotations

import base64
import binascii
import shutil
from pathlib import Path
from typing import Any

from databricks.sdk.service.workspace import WorkspaceAPI
from werkzeug.utils import send_file

from launch.workspace import contract
from launch.workspace.errors import ApiError, exists, invalid, missing
from launch.workspace.routes import Answer, Call, Routes

api = Routes()
_BASE = "/api/2.0/workspace"
_LIMIT_BYTES = 10 * 1024**2
_HEADER = b"# Databricks notebook source"


@api.add("POST", f"{_BASE}/import")
def import_(call: Call) -> Answer:
    """Write a file or notebook, from JSON (base64) or a form."""
    args: dict[str, Any] = dict(call.args)
    if call.request.form:
        args = dict(call.request.form)
        sent = call.request.files.get("content")
        data = sent.read() if sent else b""
        contract.check(WorkspaceAPI.import_, args, frozenset({"content"}), text=True)
    else:
        args = contract.check(WorkspaceAPI.import_, args)
        try:
            data = base64.b64decode(args.get("content") or "", validate=True)
        except binascii.Error as error:
            raise invalid("content must be base64.") from error
    if len(data) > _LIMIT_BYTES:
        raise ApiError(400, "MAX_NOTEBOOK_SIZE_EXCEEDED", "At most 10 MB can be imported.")
    path = local(call, args.get("path") or "")
    how = args.get("format") or "SOURCE"
    if how == "SOURCE" and not args.get("language"):
        raise invalid("language is required with format SOURCE.")
    notebook = how == "SOURCE" or (how == "AUTO" and data.startswith(_HEADER))
    if how in ("DBC", "HTML", "R_MARKDOWN", "JUPYTER"):
        raise invalid(f"This double imports AUTO, RAW and SOURCE, not {how}.")
    if notebook and path.suffix == ".py":
        # A notebook loses its extension: a file imported so cannot be run as a script.
        path = path.with_suffix("")
    if not path.parent.is_dir():
        raise missing(f"The parent folder ({_shown(call, path.parent)}) does not exist.")
    if path.exists() and str(args.get("overwrite", "")).lower() != "true":
        raise exists(f"Path ({_shown(call, path)}) already exists.")
    path.write_bytes(data)
    kind = {"object_type": "NOTEBOOK", "language": args.get("language") or "PYTHON"}
    call.ws.store.put("object", _shown(call, path), kind if notebook else {"object_type": "FILE"})
    return None


@api.add("POST", f"{_BASE}/mkdirs", like=WorkspaceAPI.mkdirs)
def mkdirs(call: Call) -> Answer:
    """Make a folder with its parents; it may be there."""
    path = local(call, call.args["path"])
    if path.is_file():
        raise exists(f"Path ({call.args['path']}) is a file.")
    path.mkdir(parents=True, exist_ok=True)
    return None


@api.add("GET", f"{_BASE}/get-status", like=WorkspaceAPI.get_status)
def get_status(call: Call) -> Answer:
    """What lies at a path."""
    return _info(call, _existing(call))


@api.add("GET", f"{_BASE}/list", like=WorkspaceAPI.list)
def list_objects(call: Call) -> Answer:
    """What a folder holds."""
    path = _existing(call)
    if path.is_file():
        return {"objects": [_info(call, path)]}
    return {"objects": [_info(call, child) for child in sorted(path.iterdir())]}


@api.add("GET", f"{_BASE}/export")
def export(call: Call) -> Answer:
    """The content, as base64 or directly."""
    path = _existing(call)
    if path.is_dir():
        raise invalid("This double exports files and notebooks, not folders.")
    if call.args.get("direct_download") == "true":
        return send_file(path, call.request.environ, mimetype="application/octet-stream")
    data = base64.b64encode(path.read_bytes()).decode()
    return {"content": data, "file_type": path.suffix.lstrip(".")}


@api.add("POST", f"{_BASE}/delete", like=WorkspaceAPI.delete)
def delete(call: Call) -> Answer:
    """Remove a file, or a folder that is empty or told to go recursively."""
    path = _existing(call)
    if path.is_file():
        path.unlink()
    elif any(path.iterdir()) and not call.args.get("recursive"):
        raise ApiError(400, "DIRECTORY_NOT_EMPTY", f"Folder ({call.args['path']}) is not empty.")
    else:
        shutil.rmtree(path)
    call.ws.store.delete("object", _shown(call, path))
    return None


def local(call: Call, text: str) -> Path:
    """Return the local path of a workspace path, with or without /Workspace."""
    if not text.startswith("/") or ".." in text.split("/"):
        raise invalid(f"Path ({text}) doesn't start with '/'")
    return call.ws.root / "Workspace" / text.removeprefix("/Workspace").lstrip("/")


def _existing(call: Call) -> Path:
    path = local(call, str(call.args.get("path") or ""))
    if not path.exists():
        raise missing(f"Path ({call.args.get('path')}) doesn't exist.")
    return path


def _shown(call: Call, path: Path) -> str:
    return "/" + str(path.relative_to(call.ws.root / "Workspace"))


def _info(call: Call, path: Path) -> dict[str, Any]:
    shown, stat = _shown(call, path), path.stat()
    info = {"path": shown, "object_id": stat.st_ino, "resource_id": str(stat.st_ino)}
    if path.is_dir():
        return info | {"object_type": "DIRECTORY"}
    times = {"created_at": int(stat.st_ctime * 1000), "modified_at": int(stat.st_mtime * 1000)}
    known = call.ws.store.get("object", shown) or {"object_type": "FILE"}
    return info | times | {"size": stat.st_size} | known
