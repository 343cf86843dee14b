"""The records of an endpoint on disk: parts of a few hundred, each with its pictures; the oldest go.

records/<time of its first>/records.jsonl and <key>.jpg
"""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from launch.monitor.record import Record

LINES = "records.jsonl"
PART = 200
_MIB = 2**20


class Store:
    """One writer, any number of readers."""

    def __init__(self, folder: Path, most_mib: float = 512, most_days: float = 30) -> None:
        """Take the folder of the endpoint's records.

        Args:
            folder: see `settings.folder_of`.
            most_mib: of all parts; one is always kept.
            most_days: parts that ended longer ago go.
        """
        self.folder = folder / "records"
        self._most_bytes, self._most_s = most_mib * _MIB, most_days * 86_400
        self._part: Path | None = None
        self._lines: IO[str] | None = None
        self._count = 0
        self._bytes = 0

    def add(self, record: Record, picture: bytes) -> None:
        """Keep a record and its picture (JPEG; b"": none)."""
        if self._part is None or self._count >= PART or self._bytes > self._most_bytes / 4:
            self._begin()
        assert self._part is not None
        assert self._lines is not None
        if picture:
            (self._part / f"{record.key}.jpg").write_bytes(picture)
        line = record.to_json() + "\n"
        self._lines.write(line)
        self._count += 1
        self._bytes += len(picture) + len(line)

    def newest(self, most: int) -> list[Record]:
        """Return the newest records, newest first."""
        found: list[Record] = []
        for part in reversed(self.parts()):
            found += reversed(list(_read(part)))
            if len(found) >= most:
                break
        return found[:most]

    def find(self, key: str) -> Record | None:
        """Return a record."""
        for part in reversed(self.parts()):
            if (one := next((r for r in _read(part) if r.key == key), None)) is not None:
                return one
        return None

    def picture(self, key: str) -> Path | None:
        """Return where a record's picture is; None if there is none (any more)."""
        if not key.isalnum():
            return None
        return next((p for part in self.parts() if (p := part / f"{key}.jpg").is_file()), None)

    def parts(self) -> list[Path]:
        """Return the folders of parts, oldest first."""
        return sorted(path for path in self.folder.glob("*") if path.is_dir())

    def prune(self) -> None:
        """Remove what is too old or too much."""
        parts = [part for part in self.parts() if part != self._part]
        sizes = {part: _size(part) for part in parts}
        total = sum(sizes.values()) + self._bytes
        for part in parts:
            with contextlib.suppress(OSError):
                old = time.time() - (part / LINES).stat().st_mtime > self._most_s
                if total <= self._most_bytes and not old:
                    continue
                shutil.rmtree(part)
                total -= sizes[part]

    def close(self) -> None:
        """Close the part."""
        if self._lines is not None:
            self._lines.close()
        self._part = self._lines = None

    def _begin(self) -> None:
        self.close()
        self._part = self.folder / f"{time.time_ns():020d}"
        self._part.mkdir(parents=True)
        self._lines = (self._part / LINES).open("a", encoding="utf-8", buffering=1)
        self._count = self._bytes = 0
        self.prune()


def _read(part: Path) -> Iterator[Record]:
    try:
        text = (part / LINES).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return
    for line in text.splitlines():
        record = Record.of(line)
        if record is not None:
            yield record


def _size(part: Path) -> int:
    total = 0
    for path in part.iterdir():
        with contextlib.suppress(OSError):
            total += path.stat().st_size
    return total
