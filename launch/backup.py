"""The local ledger and the user's recipes as one file or folder, and back.

A SQLite ledger is copied by SQLite's own backup, which gives a consistent copy while runs write into it;
artifacts and conf folders as files. `manifest.json` comes last: without it a backup is torn and refused.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import sqlite3
import tarfile
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cvcore import __version__
from cvcore.config.paths import user_conf_dirs
from cvcore.metrics import mlflow_run
from launch.errors import LaunchError

MANIFEST = "manifest.json"
DATABASE = "mlruns.db"
ARTIFACTS = "artifacts"
CONF = "conf"
FORMAT = 1
_SQLITE = "sqlite:///"


class BackupError(LaunchError):
    """A backup that can't be made or restored."""


@dataclass(frozen=True)
class Backup:
    """What a backup holds.

    Attributes:
        place: the file or folder.
        num_runs: in the ledger, deleted ones included.
        num_files: artifacts and recipes.
    """

    place: Path
    num_runs: int
    num_files: int


def backup(target: Path, uri: str = "", conf_folders: Sequence[Path] | None = None) -> Backup:
    """Copy the ledger, its artifacts and the conf folders.

    Args:
        target: a folder that is empty or not there, or a file `*.tar.gz`.
        uri: of the ledger; "": MLFLOW_TRACKING_URI, else the SQLite file of this folder.
        conf_folders: None: those of LAKESIGHT_CONF_PATH.

    Raises:
        BackupError: the ledger is not a local file, or the target can't be written.
    """
    database = database_of(uri)
    target = target.expanduser().absolute()
    _require_free(target)
    folders = user_conf_dirs() if conf_folders is None else tuple(conf_folders)
    as_file = target.name.endswith((".tar.gz", ".tgz"))
    try:
        with _workplace(target, as_file) as work:
            manifest = _collect(work, database, folders)
            if as_file:
                _pack(work, target)
    except (OSError, sqlite3.Error) as error:
        raise BackupError(f"the backup {target} can't be written ({error}).") from error
    return Backup(target, manifest["num_runs"], len(manifest["files"]))


def restore(
    source: Path, database: Path = Path(DATABASE), conf_folder: Path | None = None
) -> Backup:
    """Put a backup in place: the ledger, its artifacts beside it, recipes into a conf folder.

    Nothing that is there is overwritten. Every file is compared with the backup's list first.

    Args:
        source: what `backup` wrote.
        database: where the ledger goes; artifacts go beside it, into `mlruns`.
        conf_folder: where recipes go; None: `conf` beside the ledger.

    Raises:
        BackupError: the backup is torn, or something is there already.
    """
    source, database = source.expanduser().absolute(), database.expanduser().absolute()
    artifacts = database.with_name("mlruns")
    conf_folder = (conf_folder or database.with_name("conf")).expanduser().absolute()
    try:
        with _opened(source) as folder:
            manifest = _verified(folder, source)
            has_conf = any(path.startswith(f"{CONF}/") for path in manifest["files"])
            roots = {name: artifacts / Path(old).name for name, old in manifest["roots"].items()}
            for place in (database, *roots.values(), *([conf_folder] if has_conf else [])):
                if place.is_file() or (place.is_dir() and any(place.iterdir())):
                    raise BackupError(
                        f"{place} is there already; nothing was restored. Give an empty place (--to "
                        "FOLDER), or move it away."
                    )
            database.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".restore-", dir=database.parent) as part:
                # Everything is copied before anything is put in place; the ledger comes last.
                shutil.copyfile(folder / DATABASE, Path(part, DATABASE))
                _point_to(Path(part, DATABASE), manifest["roots"], roots)
                moves = [(folder / name, place) for name, place in roots.items()]
                if has_conf:
                    moves.append((folder / CONF, conf_folder))
                for number, (source_folder, _) in enumerate(moves):
                    shutil.copytree(source_folder, Path(part, str(number)))
                for number, (_, place) in enumerate(moves):
                    place.parent.mkdir(parents=True, exist_ok=True)
                    if place.is_dir():
                        place.rmdir()
                    shutil.move(Path(part, str(number)), place)
                Path(part, DATABASE).replace(database)
    except (OSError, sqlite3.Error, tarfile.TarError) as error:
        raise BackupError(f"{source} can't be restored ({error}).") from error
    return Backup(source, manifest["num_runs"], len(manifest["files"]))


def database_of(uri: str = "") -> Path:
    """Return the SQLite file of a ledger.

    Raises:
        BackupError: it is a server, which backs itself up, or there is none.
    """
    uri = uri or os.environ.get("MLFLOW_TRACKING_URI") or mlflow_run.DEFAULT_URI
    if not uri.startswith(_SQLITE):
        raise BackupError(
            f"the ledger {uri.partition('://')[0]}://... is not a local file: back up its server. "
            "What is saved here is a SQLite ledger, e.g. sqlite:///mlruns.db."
        )
    file = Path(uri.removeprefix(_SQLITE)).expanduser().absolute()
    if not file.is_file():
        raise BackupError(f"there is no ledger {file}. Say where it is with --tracking-uri.")
    return file


def _collect(work: Path, database: Path, conf_folders: Sequence[Path]) -> dict[str, Any]:
    copy_database(database, work / DATABASE)
    with contextlib.closing(sqlite3.connect(work / DATABASE)) as base:
        num_runs = base.execute("SELECT COUNT(*) FROM runs").fetchone()[0]
    roots = {}
    for number, root in enumerate(artifact_roots(work / DATABASE, database.parent)):
        if root.is_dir():
            roots[f"{ARTIFACTS}/{number}"] = str(root)
            shutil.copytree(root, work / ARTIFACTS / str(number), ignore_dangling_symlinks=True)
    for number, folder in enumerate(conf_folders):
        name = folder.name if number == 0 else f"{folder.name}-{number}"
        shutil.copytree(folder, work / CONF / name)
    files = {
        str(path.relative_to(work)): _digest(path)
        for path in sorted(work.rglob("*"))
        if path.is_file()
    }
    manifest = {
        "format": FORMAT,
        "lakesight": __version__,
        "made": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "database": str(database),
        "roots": roots,
        "num_runs": num_runs,
        "files": files,
    }
    (work / MANIFEST).write_text(json.dumps(manifest, indent=1))
    return manifest


def copy_database(source: Path, target: Path) -> None:
    """Copy a SQLite file, consistent although others write into it."""
    with (
        contextlib.closing(
            sqlite3.connect(f"file:{source}?mode=ro", uri=True, timeout=60)
        ) as there,
        contextlib.closing(sqlite3.connect(target)) as here,
    ):
        there.backup(here)


def artifact_roots(database: Path, workdir: Path) -> list[Path]:
    """Return the local folders in which the ledger's experiments keep artifacts, none inside another."""
    with contextlib.closing(sqlite3.connect(database)) as base:
        rows = base.execute("SELECT artifact_location FROM experiments").fetchall()
    places = {_local(location, workdir) for (location,) in rows if location}
    found = sorted(place for place in places if place is not None)
    return [p for p in found if not any(p != q and p.is_relative_to(q) for q in found)]


def _local(location: str, workdir: Path) -> Path | None:
    if location.startswith("file://"):
        location = location.removeprefix("file://")
    if "://" in location or ":/" in location:
        return None  # a store or a proxy of its own
    return (workdir / location).absolute()


def _point_to(database: Path, old_roots: dict[str, str], roots: dict[str, Path]) -> None:
    """Let the ledger's rows say where artifacts will be."""
    with contextlib.closing(sqlite3.connect(database)) as base, base:
        for name, old in old_roots.items():
            for table, column in _LOCATIONS:
                if not base.execute(
                    "SELECT 1 FROM pragma_table_info(?) WHERE name=?", (table, column)
                ).fetchone():
                    continue
                # Table and column are from the list below.
                base.execute(
                    f"UPDATE {table} SET {column}=replace({column}, ?, ?) "  # noqa: S608
                    f"WHERE {column}=? OR {column} LIKE ? || '/%' "
                    f"OR {column} LIKE 'file://' || ? || '/%'",
                    (old, str(roots[name]), old, old, old),
                )


_LOCATIONS = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
    ("logged_models", "artifact_location"),
)
"""Columns of MLflow's tables that say where artifacts are."""


@contextlib.contextmanager
def _workplace(target: Path, as_file: bool) -> Iterator[Path]:
    """Give a folder to collect in: the target's own, under another name until it is whole."""
    target.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        yield work
        if not as_file:
            if target.is_dir():
                target.rmdir()
            work.rename(target)
            target.chmod(0o755)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _pack(work: Path, target: Path) -> None:
    part = target.with_name(f".{target.name}.part")
    with tarfile.open(part, "w:gz") as archive:
        for path in sorted(work.rglob("*")):
            if path.is_file() and path.name != MANIFEST:
                archive.add(path, str(path.relative_to(work)))
        archive.add(work / MANIFEST, MANIFEST)
    part.replace(target)


@contextlib.contextmanager
def _opened(source: Path) -> Iterator[Path]:
    if source.is_dir():
        yield source
        return
    if not source.is_file():
        raise BackupError(f"there is no backup {source}.")
    with tempfile.TemporaryDirectory(prefix="lakesight-restore-") as folder:
        with tarfile.open(source, "r:gz") as archive:
            archive.extractall(folder, filter="data")
        yield Path(folder)


def _verified(folder: Path, source: Path) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text())
        files, version = manifest["files"], manifest["format"]
    except (OSError, ValueError, KeyError) as error:
        raise BackupError(
            f"{source} is not a whole backup: its {MANIFEST} can't be read."
        ) from error
    if version > FORMAT:
        raise BackupError(f"{source} has format {version}, this Lakesight reads up to {FORMAT}.")
    for name, digest in files.items():
        if (
            ".." in Path(name).parts
            or not (folder / name).is_file()
            or _digest(folder / name) != digest
        ):
            raise BackupError(
                f"{source} is damaged: {name} is missing or changed. Nothing was restored."
            )
    return manifest


def _require_free(target: Path) -> None:
    if target.is_file() or (target.is_dir() and any(target.iterdir())):
        raise BackupError(f"{target} is there already. Give a new name.")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
