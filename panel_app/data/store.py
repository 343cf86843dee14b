"""Where what is known of a data set is kept on this machine, and whether it is still true.

<state folder>/app/data/<key>/       key: of the task and everything in the group `data`
  meta.json rows.npz records.jsonl names.txt      the index, written by `panel_app.data.write_index`
  inspection/                                      written by `panel_app.data.inspect`
  thumbnails/
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cvcore.config.schema import DataConf
from launch.local.queue import state_dir

VERSION = 2
"""Of the files; others are made again."""

MAX_FOLDERS = 500
"""Folders of images whose time of change is watched."""

_KEPT = 40
_NO_MATTER = ("policy",)


def home() -> Path:
    """Return the folder of all data sets' indexes."""
    return state_dir() / "app" / "data"


def key_of(data: DataConf, kind: str) -> str:
    """Return the name of a data set's folder: another one for another task or setting."""
    said = {k: v for k, v in asdict(data).items() if k not in _NO_MATTER}
    text = json.dumps([VERSION, kind, said, str(Path.cwd())], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def stamps(paths: Iterable[Path]) -> list[list[Any]]:
    """Return what changes when one of these files or folders does; -1 for one that is gone."""
    found: list[list[Any]] = []
    for path in paths:
        try:
            stat = path.stat()
            found.append([str(path), stat.st_mtime_ns, stat.st_size if path.is_file() else 0])
        except OSError:
            found.append([str(path), -1, -1])
    return found


def is_fresh(meta: dict[str, Any]) -> bool:
    """Return whether annotation files and folders are as they were when the index was made."""
    known = meta["stamps"]
    return bool(stamps(Path(one[0]) for one in known) == known)


def prune(keep: str) -> None:
    """Remove the indexes that were used longest ago; those of the last 40 data sets stay."""
    try:
        folders = [p for p in home().iterdir() if p.is_dir() and p.name != keep]
        folders.sort(key=lambda p: p.stat().st_mtime, reverse=True)
    except OSError:
        return
    for folder in folders[_KEPT:]:
        shutil.rmtree(folder, ignore_errors=True)


def touch(folder: Path) -> None:
    """Note that a data set was used just now."""
    try:
        os.utime(folder)
    except OSError:
        return
