"""Where the activity log is kept: a folder of this machine, a shared one, or a Volume.

In a folder, a file of lines per month; writers take turns by a lock, a line is written in one piece. On
a Volume, which can't be appended to, a file per entry. `LAKESIGHT_ACTIVITY_DIR` names the place; a
Databricks App keeps it on its Volume by itself.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

from launch.activity.entry import Entry
from launch.clock import SystemClock
from launch.errors import LaunchError
from launch.local.queue import state_dir

VARIABLE = "LAKESIGHT_ACTIVITY_DIR"
"""Environment variable with the folder, or the path of a Volume, of the activity log."""

MOST = 1_000
_READERS = 8


class Store(Protocol):
    """Keeps lines by month."""

    def add(self, month: str, line: str) -> None:
        """Keep a line."""
        ...

    def months(self) -> list[str]:
        """Return the months there are, newest first."""
        ...

    def lines(self, month: str) -> Iterator[str]:
        """Yield the lines of a month, in any order."""
        ...


class ActivityLog:
    """Finds entries, and takes new ones. Holds nothing: another one knows the same."""

    def __init__(self, place: str = "") -> None:
        """Take the place.

        Args:
            place: a folder, or a path below /Volumes; "": as the environment says, else this machine's.
        """
        self.place = place or os.environ.get(VARIABLE, "") or _usual_place()
        self._store = _store(self.place)

    def add(self, entry: Entry) -> None:
        """Keep an entry.

        Raises:
            LaunchError: the place can't be written.
        """
        with _in_words(self.place):
            self._store.add(_month(entry.at), entry.to_json())

    def find(
        self,
        words: str = "",
        action: str = "",
        user: str = "",
        since: float = 0.0,
        most: int | None = MOST,
    ) -> list[Entry]:
        """Return entries, newest first.

        Args:
            words: all of them occur in it.
            action: exactly this one; "": any.
            user: exactly this one; "": any.
            since: seconds since 1970 (UTC).
            most: how many; None: all.

        Raises:
            LaunchError: the place can't be read.
        """
        found: list[Entry] = []
        with _in_words(self.place):
            for month in self._store.months():
                if month < _month(since) or (most is not None and len(found) >= most):
                    break
                entries = (Entry.of(line) for line in self._store.lines(month))
                wanted = [
                    one
                    for one in entries
                    if one is not None
                    and one.at >= since
                    and action in ("", one.action)
                    and user in ("", one.user)
                    and one.matches(words)
                ]
                found += sorted(wanted, key=lambda one: one.at, reverse=True)
        return found if most is None else found[:most]


class _Folder:
    """A file of lines per month."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def add(self, month: str, line: str) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / f"{month}.jsonl").open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            # A writer that was killed may have left half a line.
            torn = file.tell() > 0 and not _ends_a_line(Path(file.name))
            file.write((b"\n" if torn else b"") + line.encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def months(self) -> list[str]:
        return sorted((path.stem for path in self._folder.glob("*.jsonl")), reverse=True)

    def lines(self, month: str) -> Iterator[str]:
        with (self._folder / f"{month}.jsonl").open(encoding="utf-8", errors="replace") as file:
            yield from file


class _Volume:
    """A file per entry, through the Files API."""

    def __init__(self, path: str) -> None:
        from launch.databricks.client import connect
        from launch.databricks.volume import Volume

        self._path = path.rstrip("/")
        self._client = connect(SystemClock())
        self._volume = Volume(self._client)

    def add(self, month: str, line: str) -> None:
        name = f"{time.time_ns()}-{uuid.uuid4().hex[:8]}.json"
        self._volume.write(f"{self._path}/{month}/{name}", line.encode())

    def months(self) -> list[str]:
        from databricks.sdk.errors import NotFound

        try:
            entries = list(self._client.files.list_directory_contents(self._path))
        except NotFound:
            return []
        return sorted((str(one.name) for one in entries if one.is_directory), reverse=True)

    def lines(self, month: str) -> Iterator[str]:
        folder = f"{self._path}/{month}"
        names = sorted(self._volume.list(folder) or {}, reverse=True)
        with ThreadPoolExecutor(_READERS) as pool:
            for data in pool.map(lambda name: self._volume.read(f"{folder}/{name}"), names):
                yield (data or b"").decode(errors="replace")


def _usual_place() -> str:
    """Return the place where none is named: the own disk of a Databricks App does not last."""
    volume = os.environ.get("LAKESIGHT_VOLUME", "").rstrip("/")
    if "DATABRICKS_APP_NAME" in os.environ and volume.startswith("/Volumes/"):
        return f"{volume}/activity"
    return str(state_dir() / "activity")


def _store(place: str) -> Store:
    return _Volume(place) if place.startswith("/Volumes/") else _Folder(Path(place).expanduser())


def _month(at: float) -> str:
    return time.strftime("%Y-%m", time.gmtime(at))


def _ends_a_line(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


@contextlib.contextmanager
def _in_words(place: str) -> Iterator[None]:
    edge: tuple[type[Exception], ...] = (OSError,)
    words: Callable[[Exception], str] = str
    if place.startswith("/Volumes/"):
        from launch.databricks.client import EDGE, in_words

        edge, words = (OSError, *EDGE), in_words
    try:
        yield
    except edge as error:
        raise LaunchError(
            f"the activity log at {place} can't be used: {words(error)} Name another place in "
            f"{VARIABLE}."
        ) from error
