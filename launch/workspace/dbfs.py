"""DBFS, the old file system, as far as anybody still needs it."""

from __future__ import annotations

import base64
import binascii
from pathlib import Path

from databricks.sdk.service.files import DbfsAPI

from launch.workspace.errors import ApiError, exists, invalid, missing
from launch.workspace.routes import Answer, Call, Routes

api = Routes()
_LIMIT_BYTES = 1_000_000


@api.add("POST", "/api/2.0/dbfs/put", like=DbfsAPI.put)
def put(call: Call) -> Answer:
    """Write a small file."""
    path = _local(call)
    if path.exists() and not call.args.get("overwrite"):
        raise exists(f"A file or directory already exists at the input path {call.args['path']}.")
    try:
        data = base64.b64decode(call.args.get("contents") or "", validate=True)
    except binascii.Error as error:
        raise invalid("contents must be base64.") from error
    if len(data) > _LIMIT_BYTES:
        raise ApiError(400, "MAX_BLOCK_SIZE_EXCEEDED", "put takes at most 1 MB.")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return None


@api.add("GET", "/api/2.0/dbfs/read", like=DbfsAPI.read)
def read(call: Call) -> Answer:
    """A part of a file, at most 1 MB."""
    path = _existing(call)
    start = call.args.get("offset") or 0
    data = path.read_bytes()[start : start + min(call.args.get("length") or 500_000, _LIMIT_BYTES)]
    return {"bytes_read": len(data), "data": base64.b64encode(data).decode()}


@api.add("GET", "/api/2.0/dbfs/get-status", like=DbfsAPI.get_status)
def get_status(call: Call) -> Answer:
    """Size and kind."""
    path = _existing(call)
    stat = path.stat()
    return {
        "path": call.args["path"].removeprefix("dbfs:"),
        "is_dir": path.is_dir(),
        "file_size": 0 if path.is_dir() else stat.st_size,
        "modification_time": int(stat.st_mtime * 1000),
    }


@api.add("POST", "/api/2.0/dbfs/mkdirs", like=DbfsAPI.mkdirs)
def mkdirs(call: Call) -> Answer:
    """Make a directory with its parents."""
    _local(call).mkdir(parents=True, exist_ok=True)
    return None


def _existing(call: Call) -> Path:
    path = _local(call)
    if not path.exists():
        raise missing(f"No file or directory exists on path {call.args['path']}.")
    return path


def _local(call: Call) -> Path:
    text = call.args["path"].removeprefix("dbfs:")
    if text.startswith("/Volumes/"):
        raise invalid("Volumes are reached by the Files API, not by DBFS.")
    if not text.startswith("/") or ".." in text.split("/"):
        raise invalid(f"Path must be absolute: {text}")
    return call.ws.root / "dbfs" / text.lstrip("/")
