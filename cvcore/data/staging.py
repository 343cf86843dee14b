"""A copy of a data set on this machine's own disk: checked, resumable, never half trusted.

    <cache>/<folder name>-<hash of its path>/
        data/            the copy; a file is here only whole
        partial/         files being written, renamed into data/ when whole
        manifest.jsonl   a line for each file copied: size, time, SHA-256
        COMPLETE         written last; says which state of the source the copy is

A copy without COMPLETE is resumed, after checking the hash of every file it has. One with COMPLETE
is compared with the source by size and time of each file, and with itself by size and time; what
differs is copied again. A run that still reads the older copy sees those files change. Torch-free.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import logging
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO

from cvcore.errors import DataError

_log = logging.getLogger(__name__)

_THREADS = 16  # copying waits for the network, not for the processor
_CHUNK_BYTES = 1 << 20
_SPARE_BYTES = 64 << 20  # for directories and whoever else writes there

Progress = Callable[[int, int], None]
"""Called with (bytes done, bytes in all), from several threads, one at a time."""


@dataclass(frozen=True, slots=True)
class _File:
    """A file of the source; `time_ns` is its modification time."""

    path: str
    size: int
    time_ns: int


@dataclass(frozen=True, slots=True)
class _Entry:
    """A line of the manifest: which source file was copied, and what the copy is."""

    path: str
    size: int
    time_ns: int
    sha256: str
    copied_time_ns: int


def stage(root: Path, cache: Path, progress: Progress | None = None) -> Path:
    """Return a folder on this machine's disk with the same files as `root`.

    Args:
        root: the data set's folder.
        cache: folder for copies; processes that stage the same folder at once wait for the first.
        progress: told how many bytes are done.

    Raises:
        DataError: the disk is or becomes full, a file can't be read or changes while it is copied,
            or a symbolic link leads out of `root`. What was copied so far is kept and resumed.
    """
    root = root.resolve()
    name = hashlib.sha256(str(root).encode()).hexdigest()[:12]
    folder = cache / f"{root.name}-{name}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder.with_suffix(".lock")):
            _Staging(root, folder, progress).run()
    except OSError as error:
        raise _in_words(error, root, folder) from error
    return folder / "data"


@dataclass
class _Staging:
    """One call of `stage`, under the lock."""

    root: Path
    folder: Path
    progress: Progress | None
    done_bytes: int = 0
    total_bytes: int = 0
    _write: threading.Lock = field(default_factory=threading.Lock)

    def run(self) -> None:
        files = _listing(self.root)
        state = hashlib.sha256(repr(files).encode()).hexdigest()
        complete, data = self.folder / "COMPLETE", self.folder / "data"
        was_complete = complete.is_file()
        entries = _read_manifest(self.folder / "manifest.jsonl")
        with ThreadPoolExecutor(_THREADS) as pool:
            here = pool.map(lambda f: _is_copied(f, entries.get(f.path), data, was_complete), files)
            missing = [f for f, copied in zip(files, here, strict=True) if not copied]
        if was_complete and not missing and complete.read_text() == state:
            return
        # From here on the copy is incomplete until the very end.
        complete.unlink(missing_ok=True)
        shutil.rmtree(self.folder / "partial", ignore_errors=True)
        (self.folder / "partial").mkdir()
        kept = {f.path for f in files} - {f.path for f in missing}
        _remove_others(data, kept)
        self.total_bytes = sum(f.size for f in missing)
        _require_space(self.folder, self.total_bytes, self.root)
        _log.info("copying %d files, %d bytes, of %s", len(missing), self.total_bytes, self.root)
        _rewrite_manifest(self.folder / "manifest.jsonl", [entries[path] for path in sorted(kept)])
        with (self.folder / "manifest.jsonl").open("a") as manifest:
            self._copy_all(missing, manifest)
        shutil.rmtree(self.folder / "partial")
        if _listing(self.root) != files:
            raise DataError(
                f"{self.root} changed while it was copied. Start again when nothing writes there."
            )
        partial = self.folder / "COMPLETE.partial"
        partial.write_text(state)
        partial.replace(complete)

    def _copy_all(self, files: list[_File], manifest: IO[str]) -> None:
        with ThreadPoolExecutor(_THREADS) as pool:
            futures = [
                pool.submit(self._copy, file, number, manifest) for number, file in enumerate(files)
            ]
            finished, _ = wait(futures, return_when=FIRST_EXCEPTION)
            pool.shutdown(wait=True, cancel_futures=True)
            for future in finished:
                future.result()

    def _copy(self, file: _File, number: int, manifest: IO[str]) -> None:
        partial = self.folder / "partial" / str(number)
        target = self.folder / "data" / file.path
        digest = hashlib.sha256()
        with (self.root / file.path).open("rb") as source, partial.open("wb") as copy:
            while chunk := source.read(_CHUNK_BYTES):
                copy.write(chunk)
                digest.update(chunk)
        written = partial.stat()
        if written.st_size != file.size:
            raise DataError(
                f"{self.root / file.path} changed while it was copied ({file.size} bytes, then "
                f"{written.st_size}). Start again when nothing writes there."
            )
        target.parent.mkdir(parents=True, exist_ok=True)
        partial.replace(target)
        entry = _Entry(file.path, file.size, file.time_ns, digest.hexdigest(), written.st_mtime_ns)
        with self._write:
            manifest.write(json.dumps(asdict(entry)) + "\n")
            manifest.flush()
            self.done_bytes += file.size
            if self.progress is not None:
                self.progress(self.done_bytes, self.total_bytes)


def _listing(root: Path) -> list[_File]:
    """Return all files below a folder, sorted.

    Links are followed inside `root`, loops of them once around; copying what lies outside would
    hide that it does.
    """
    found: list[_File] = []
    waiting: list[tuple[Path, tuple[Path, ...]]] = [(root, ())]
    while waiting:
        folder, above = waiting.pop()
        above = (*above, folder.resolve())
        for entry in os.scandir(folder):
            path = Path(entry.path)
            if entry.is_symlink() and not path.resolve().is_relative_to(root):
                raise DataError(
                    f"{path} is a link that leads outside {root}. Put a real copy there, set "
                    "data.root to a folder that holds both, or set data.stage=false."
                )
            if entry.is_dir():
                if path.resolve() not in above:
                    waiting.append((path, above))
            elif entry.is_file():
                stat = entry.stat()
                name = path.relative_to(root).as_posix()
                found.append(_File(name, stat.st_size, stat.st_mtime_ns))
    return sorted(found, key=lambda f: f.path)


def _is_copied(file: _File, entry: _Entry | None, data: Path, was_complete: bool) -> bool:
    """Return whether the copy of a file is there and whole."""
    if entry is None or (entry.size, entry.time_ns) != (file.size, file.time_ns):
        return False
    target = data / file.path
    try:
        stat = target.stat()
    except OSError:
        return False
    if stat.st_size != entry.size:
        return False
    if was_complete and stat.st_mtime_ns == entry.copied_time_ns:
        return True
    with target.open("rb") as copy:
        return hashlib.file_digest(copy, "sha256").hexdigest() == entry.sha256


def _remove_others(data: Path, kept: set[str]) -> None:
    for current, folders, names in os.walk(data, topdown=False):
        for name in names:
            path = Path(current, name)
            if path.relative_to(data).as_posix() not in kept:
                path.unlink()
        for name in folders:
            path = Path(current, name)
            if not any(path.iterdir()):
                path.rmdir()
    data.mkdir(exist_ok=True)


def _read_manifest(path: Path) -> dict[str, _Entry]:
    """Return the entries by path; a torn last line (a killed process) is left out."""
    entries: dict[str, _Entry] = {}
    if path.is_file():
        for line in path.read_text(errors="replace").splitlines():
            try:
                entry = _Entry(**json.loads(line))
            except (ValueError, TypeError):
                continue
            entries[entry.path] = entry
    return entries


def _rewrite_manifest(path: Path, entries: list[_Entry]) -> None:
    partial = path.with_suffix(".partial")
    partial.write_text("".join(json.dumps(asdict(entry)) + "\n" for entry in entries))
    partial.replace(path)


def _require_space(folder: Path, needed: int, root: Path) -> None:
    free = shutil.disk_usage(folder).free
    if needed and free < needed + _SPARE_BYTES:
        raise DataError(
            f"the copy of {root} needs {_gib(needed)} more and the disk of {folder} has "
            f"{_gib(free)} free. Free space there, set data.cache_dir to a larger disk, or set "
            "data.stage=false."
        )


def _in_words(error: OSError, root: Path, folder: Path) -> DataError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DataError(
            f"the disk of {folder} became full while {root} was copied. What was copied is kept: "
            "free space and start again, set data.cache_dir to a larger disk, or set "
            "data.stage=false."
        )
    where = error.filename or root
    return DataError(
        f"{root} can't be copied to {folder}: {error.strerror or error} ({where}). Check its "
        "permissions, or set data.stage=false."
    )


def _gib(count: int) -> str:
    return f"{count / 2**30:.2f} GiB"


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock that the system frees when the process ends, however it ends."""
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _log.info("waiting for another process that makes this copy (%s)", path)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
