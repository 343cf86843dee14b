"""Volumes of a Databricks workspace that this machine does not mount, through the SDK's Files API."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from cvcore.errors import DataError
from launch.clock import SystemClock
from launch.errors import LaunchError

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient

MAX_BYTES = 20 << 30
"""Of a copy of a Volume's folder on this machine."""

_SHOWN = 2_000


def is_configured() -> bool:
    """Return whether this process has credentials of a workspace in its environment."""
    return bool(os.environ.get("DATABRICKS_HOST"))


@lru_cache(maxsize=1)
def client() -> WorkspaceClient:
    """Return the workspace's client.

    Raises:
        LaunchError: there are no credentials.
    """
    from launch.databricks.client import connect

    return connect(SystemClock())


def as_user(token: str) -> WorkspaceClient:
    """Return a client that may what a user may; of "" the app's own. It is not kept.

    Raises:
        LaunchError: there are no credentials.
    """
    from launch.databricks.client import connect

    return connect(SystemClock(), token=token) if token else client()


def require_readable(path: str, token: str) -> None:
    """Have a user see only what the workspace lets them see, though the app's principal may more.

    Where no token is handed over, who may use the app may see what the app sees.

    Raises:
        DataError: they may not list the folder.
    """
    if token and path:
        entries(path, token)


def entries(path: str, token: str = "") -> list[tuple[str, bool, int]]:
    """Return what is in a folder below /Volumes: (name, is a folder, bytes), folders first.

    Args:
        path: of the folder.
        token: of the user at the browser; "": asked as the app.

    Raises:
        DataError: it can't be listed, in words.
    """
    parts = [part for part in PurePosixPath(path).parts if part != "/"]
    if ".." in parts or parts[:1] != ["Volumes"]:
        raise DataError(f"{path!r} is not in a Volume. Give /Volumes/<catalog>/<schema>/<volume>.")

    def listed() -> list[tuple[str, bool, int]]:
        workspace = as_user(token)
        inside = parts[1:]
        if len(inside) == 0:
            return [(c.name or "", True, 0) for c in workspace.catalogs.list()]
        if len(inside) == 1:
            return [(s.name or "", True, 0) for s in workspace.schemas.list(inside[0])]
        if len(inside) == 2:
            return [(v.name or "", True, 0) for v in workspace.volumes.list(inside[0], inside[1])]
        found = []
        for one in workspace.files.list_directory_contents("/" + "/".join(parts)):
            found.append((one.name or "", bool(one.is_directory), one.file_size or 0))
            if len(found) >= _SHOWN:
                break
        return found

    found = _asked(path, listed)
    return sorted((e for e in found if not e[0].startswith(".")), key=lambda e: (not e[1], e[0]))


def fetch(
    path: str, out: Path, max_bytes: int, tell: Callable[[str, int, int], None]
) -> dict[str, Any]:
    """Copy a folder of a Volume to this machine, whole; files that are there already stay.

    Args:
        path: /Volumes/...
        out: what /Volumes is here; the copy has the same path below it.
        max_bytes: a larger folder is refused before anything is copied.
        tell: told of (phase, MB done, MB in all).

    Raises:
        DataError: it can't be read, is too large, or this disk is full.
    """
    tell("listing the files", 0, 0)
    files = _asked(path, lambda: list(_files(path)))
    total = sum(size for _, size in files)
    if total > max_bytes:
        raise DataError(
            f"{path} holds {total / 2**30:.1f} GiB, more than the {max_bytes / 2**30:.0f} GiB that "
            "are copied to this machine. Choose a smaller folder, or mount the Volume here."
        )
    out.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(out).free < total + (1 << 30):
        raise DataError(f"this machine has no room for the {total / 2**30:.1f} GiB of {path}.")
    done = 0
    for name, size in files:
        target = out / PurePosixPath(name).relative_to("/Volumes")
        if not (target.is_file() and target.stat().st_size == size):
            target.parent.mkdir(parents=True, exist_ok=True)
            part = target.with_name(f".{target.name}.part")
            _asked(name, partial(_download, name, part))
            part.replace(target)
        done += size
        tell("copying MB", done >> 20, total >> 20)
    return {"files": len(files), "bytes": total}


def _download(name: str, part: Path) -> None:
    with client().files.download(name).contents as source, part.open("wb") as file:  # type: ignore[union-attr]
        shutil.copyfileobj(source, file, 1 << 20)


def _files(path: str) -> Iterator[tuple[str, int]]:
    waiting = [path]
    while waiting:
        for one in client().files.list_directory_contents(waiting.pop()):
            name = one.path or ""
            if ".." in PurePosixPath(name).parts or not name.startswith("/Volumes/"):
                continue
            if one.is_directory:
                waiting.append(name)
            else:
                yield name, one.file_size or 0


def _asked(path: str, ask: Callable[[], Any]) -> Any:
    from databricks.sdk.errors.base import DatabricksError

    try:
        return ask()
    except DatabricksError as error:
        said = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise DataError(f"{path} can't be read from the workspace: {said}") from error
    except LaunchError as error:
        raise DataError(str(error)) from error
    except OSError as error:
        raise DataError(f"{path} can't be copied: {error.strerror or error}.") from error
