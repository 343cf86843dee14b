"""Checkpoints that are whole or not there: written aside, marked last, renamed; copied whole.

A checkpoint is a folder `checkpoint-<step>` whose last file is `COMPLETE`: a manifest of every other
file with its size and SHA-256. Whatever has no such file, or does not agree with it, is passed over.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import shutil
import time
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from cvcore.errors import TrainingError

log = logging.getLogger(__name__)

MARKER = "COMPLETE"
_NAME = re.compile(r"checkpoint-(\d+)$")
_WRITING = ".writing"


def step_of(path: Path) -> int:
    """Return the step in a checkpoint's name, -1 if it is none."""
    match = _NAME.search(path.name)
    return int(match.group(1)) if match else -1


def fault_of(path: Path) -> str | None:
    """Return why a folder is not a whole checkpoint, None if it is one."""
    try:
        files: dict[str, list[Any]] = json.loads((path / MARKER).read_text())["files"]
    except FileNotFoundError:
        return "it has no COMPLETE marker: it was cut off while it was written"
    except (OSError, ValueError, KeyError, TypeError) as error:
        return f"its COMPLETE marker can't be read ({error})"
    for name, (size, digest) in files.items():
        file = path / name
        if not file.is_file():
            return f"{name} is missing"
        if file.stat().st_size != size:
            return f"{name} has {file.stat().st_size} bytes, expected {size}"
        if _digest(file) != digest:
            return f"the content of {name} is damaged"
    return None


def seal(path: Path) -> None:
    """Bring every file of a folder to the disk and write the marker."""
    files = {}
    for file in sorted(p for p in path.rglob("*") if p.is_file() and p.name != MARKER):
        files[str(file.relative_to(path))] = [file.stat().st_size, _digest(file)]
        _fsync(file)
    _mark(path, json.dumps({"files": files}, indent=1))


def _mark(path: Path, manifest: str) -> None:
    part = path / f"{MARKER}.part"
    part.write_text(manifest)
    _fsync(part)
    part.replace(path / MARKER)
    _fsync(path)


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError:
        # Some mounted object stores refuse it; the manifest still finds out.
        log.debug("no fsync for %s", path)
    finally:
        os.close(descriptor)


def copy_whole(source: Path, target: Path) -> None:
    """Copy a whole checkpoint to `target`: under another name first, the marker last.

    Raises:
        OSError: the place is full or not writable; `target` is as it was.
    """
    part = target.with_name(f"{target.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        part.mkdir(parents=True)
        for file in sorted(p for p in source.rglob("*") if p.is_file() and p.name != MARKER):
            to = part / file.relative_to(source)
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, to)
            _fsync(to)
        _mark(part, (source / MARKER).read_text())
        put_in_place(part, target)
    except OSError:
        shutil.rmtree(part, ignore_errors=True)
        raise


def put_in_place(new: Path, path: Path) -> None:
    """Put a folder in the place of another; a moment without either is possible, a mix is not."""
    if path.exists():
        old = former_of(path)
        shutil.rmtree(old, ignore_errors=True)
        path.rename(old)
        new.rename(path)
        shutil.rmtree(old, ignore_errors=True)
    else:
        new.rename(path)
    _fsync(path.parent)


def former_of(path: Path) -> Path:
    """Return where `put_in_place` has the former folder for a moment."""
    return path.with_name(f"{path.name}.old")


class CheckpointStore:
    """A run's checkpoints: on the local disk, and copied to a durable place from a thread."""

    def __init__(
        self, folder: Path, durable: Path | None, keep: int, beside: Path | None = None
    ) -> None:
        """Describe the places; nothing is written yet.

        Args:
            folder: `<run_dir>/checkpoints`.
            durable: where whole checkpoints are copied, or None.
            keep: newest checkpoints kept besides the best one.
            beside: a file of the run's folder that is copied along with each checkpoint.
        """
        self.folder = folder
        self.durable = durable
        self.keep = keep
        self.beside = beside
        self._copier = ThreadPoolExecutor(1, "checkpoint-copy")
        self._copies: list[Future[None]] = []

    @property
    def writing(self) -> Path:
        """The folder in which checkpoints are written before they are whole."""
        return self.folder / _WRITING

    def begin(self) -> None:
        """Make room for a new checkpoint: what an earlier process left unfinished goes."""
        shutil.rmtree(self.writing, ignore_errors=True)
        self.writing.mkdir(parents=True, exist_ok=True)

    def commit(self, step: int, best_step: int | None) -> Path:
        """Make the checkpoint written in `writing` whole, copy it, and prune; return its folder."""
        written = self.writing / f"checkpoint-{step}"
        path = self.folder / written.name
        seal(written)
        put_in_place(written, path)
        self._copies = [c for c in self._copies if not c.done()]
        self._copies.append(self._copier.submit(self._after, path, best_step))
        return path

    def _after(self, path: Path, best_step: int | None) -> None:
        if self.durable is not None:
            try:
                if self.beside is not None:
                    # First: a whole checkpoint there has what was logged before it.
                    self._copy_beside(self.beside)
                copy_whole(path, self.durable / path.name)
                self._prune(self.durable, best_step)
            except OSError as error:
                log.warning(
                    "%s could not be copied to %s (%s). It stays in the run's folder; the next "
                    "checkpoint is tried again.",
                    path.name,
                    self.durable,
                    error.strerror or error,
                )
                return
        self._prune(self.folder, best_step)

    def _copy_beside(self, file: Path) -> None:
        assert self.durable is not None
        to = self.durable.parent / file.relative_to(self.folder.parent)
        to.parent.mkdir(parents=True, exist_ok=True)
        part = to.with_name(f"{to.name}.part")
        shutil.copyfile(file, part)
        part.replace(to)

    def _prune(self, folder: Path, best_step: int | None) -> None:
        paths = [p for p in _checkpoints(folder) if step_of(p) != best_step]
        for path in paths[self.keep :]:
            # Without its marker first: a half removed checkpoint must not look whole.
            (path / MARKER).unlink(missing_ok=True)
            shutil.rmtree(path, ignore_errors=True)

    def wait(self) -> None:
        """Return when every copy is done."""
        for copy in self._copies:
            copy.result()
        self._copies = []

    def newest(self) -> Path | None:
        """Return the newest whole checkpoint as a local folder, or None.

        Torn and damaged ones are passed over with a warning; one that is only in the durable place
        is copied here first.
        """
        places = [self.folder] if self.durable is None else [self.folder, self.durable]
        found = [p for place in places for p in _checkpoints(place)]
        for path in sorted(found, key=step_of, reverse=True):
            fault = fault_of(path)
            if fault is not None:
                log.warning("checkpoint %s is passed over: %s", path, fault)
                continue
            if path.parent != self.folder:
                log.info("taking %s from %s", path.name, path.parent)
                copy_whole(path, self.folder / path.name)
            return self.folder / path.name
        return None

    def put_aside(self) -> None:
        """Move what an earlier training left in the places into a folder `earlier-<time>`."""
        for place in (self.folder, self.durable):
            paths = _checkpoints(place) if place is not None else []
            if paths:
                aside = paths[0].parent / f"earlier-{time.strftime('%Y%m%d-%H%M%S')}"
                aside.mkdir()
                for path in paths:
                    path.rename(aside / path.name)


def _checkpoints(folder: Path) -> list[Path]:
    """Return the checkpoints in a folder, the newest first."""
    paths: Iterable[Path] = folder.iterdir() if folder.is_dir() else ()
    return sorted((p for p in paths if step_of(p) >= 0), key=step_of, reverse=True)


def cannot_write(error: Exception, folder: Path) -> TrainingError:
    """Return the sentence for a checkpoint that could not be written."""
    try:
        free = f"{shutil.disk_usage(folder).free / (1 << 30):.2f} GiB are free there"
    except OSError:
        free = "the place can't be read"
    return TrainingError(
        f"the checkpoint could not be written to {folder}: {error}; {free}. Checkpoints written "
        "before are whole. Make room, or give another place with run.dir=, and start the same "
        "command again: it goes on from the newest one."
    )
