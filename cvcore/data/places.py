"""From what a person writes as a path to a path this machine can open.

Torch-free and light.
"""

from __future__ import annotations

import difflib
import os
import re
from pathlib import Path
from urllib.parse import unquote

from cvcore.errors import DataError

MOUNTS_VARIABLE = "LAKESIGHT_MOUNTS"
"""Environment variable: where this machine keeps what a Databricks node mounts, as
`/Volumes=<folder>` pairs joined by the path separator. For machines that can't mount them."""

_SCHEME = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]+):(.*)$", re.DOTALL)


def localise(path: str) -> Path:
    """Return the path under which this machine mounts what `path` names.

    `dbfs:/Volumes/...` is `/Volumes/...`, any other `dbfs:/x` is `/dbfs/x`, `file:/x` is `/x`,
    `~` is the home folder; anything else stays as it is, relative paths included. A mount that
    the environment variable LAKESIGHT_MOUNTS names is the folder that it names.

    Raises:
        DataError: empty, or on a store that is not mounted (s3://, abfss://, https:// ...).

    Source: Databricks docs, "Work with files": what each path form means.
    """
    if not path.strip():
        raise DataError("a path is empty. Give a folder, e.g. data.root=/Volumes/main/vision/cats.")
    match = _SCHEME.match(path)
    if match is None:
        return _mounted(Path(path).expanduser())
    scheme, rest = match.group(1).lower(), match.group(2)
    if scheme not in ("dbfs", "file"):
        raise DataError(
            f"path {path!r} is on a store that this machine does not mount ({scheme}:). Put the "
            "data in a Volume and give /Volumes/<catalog>/<schema>/<volume>/..., or copy it to a "
            "folder."
        )
    absolute = Path("/" + rest.lstrip("/"))
    if scheme == "file":
        return Path(unquote(str(absolute)))
    in_volume = len(absolute.parts) > 1 and absolute.parts[1] == "Volumes"
    return _mounted(absolute if in_volume else Path("/dbfs", *absolute.parts[1:]))


def _mounted(path: Path) -> Path:
    for pair in os.environ.get(MOUNTS_VARIABLE, "").split(os.pathsep):
        mount, _, folder = pair.partition("=")
        if folder and path.is_relative_to(mount):
            return Path(folder, path.relative_to(mount))
    return path


def require_folder(path: Path, key: str) -> Path:
    """Return `path` if it is a folder; else DataError naming the setting `key` and a neighbour."""
    if not path.is_dir():
        raise _missing(path, key, "folder")
    return path


def require_file(path: Path, key: str) -> Path:
    """Return `path` if it is a file; else DataError naming the setting `key` and a neighbour."""
    if not path.is_file():
        raise _missing(path, key, "file")
    return path


class Inside:
    """Finds the files that an annotation file names, and refuses those outside the data set."""

    def __init__(self, folder: Path, root: Path, source: Path) -> None:
        """Take where names start, the data set's folder, and the annotation file (for messages).

        Symbolic links may point anywhere below `folder` or `root`.
        """
        self._folder, self._root, self._source = folder, root, source
        self._allowed = (folder.resolve(), root.resolve())
        self._real_parents: dict[Path, Path] = {}

    def find(self, name: str) -> Path:
        """Return the path of a file name as written; it may have sub-folders, or not exist.

        Raises:
            DataError: the name, or a symbolic link on its way, leads out of the data set.
        """
        path = self._folder / name
        # Most names are plain: then only the last part can still be a link, one call per file.
        if ".." in path.parts or path.is_symlink():
            real = path.resolve()
        else:
            if path.parent not in self._real_parents:
                self._real_parents[path.parent] = path.parent.resolve()
            real = self._real_parents[path.parent] / path.name
        if not any(real.is_relative_to(folder) for folder in self._allowed):
            raise DataError(
                f"{self._source} names the file {name!r}, which leads outside the data set "
                f"{self._root} (to {real}). Move the file into the data set and give its path "
                f"relative to {self._folder}."
            )
        return path


def _missing(path: Path, key: str, what: str) -> DataError:
    if path.exists():
        return DataError(
            f"{key} is {path}, which is not a {what}. Give a {what} with {key}=<{what}>."
        )
    parent = path.parent
    while not parent.is_dir() and parent != parent.parent:
        parent = parent.parent
    missing = path.relative_to(parent).parts[0]
    try:
        names = sorted(p.name for p in parent.iterdir() if not p.name.startswith("."))
    except OSError:
        names = []
    close = [n for n in names if n.startswith(missing)] or difflib.get_close_matches(
        missing, names, n=1, cutoff=0.5
    )
    there = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "") if names else "nothing"
    nearest = f" Did you mean {str(parent / close[0])!r}?" if close else ""
    return DataError(
        f"{key} is {path}, which does not exist; {parent} holds {there}. "
        f"Set {key} to an existing {what}.{nearest}"
    )
