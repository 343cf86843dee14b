"""What a run has to tell the tracking server, kept on disk until the server has it. Torch-free.

`spool/entries.jsonl` holds one JSON object per line in order; `spool/cursor.json` says up to which byte the
server has acknowledged. Nothing is ever removed, so the file is also the run's own copy of its
curves. A line torn by a kill or a full disk is cut off or passed over.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

FOLDER = "spool"
Entry = dict[str, Any]
"""{"kind": "metric", "key", "value", "step", "t"} or another kind, see `delivery`."""


class Spool:
    """The spool of one run; one process writes it, from any of its threads."""

    def __init__(self, run_dir: Path) -> None:
        """Open or create the spool in a run's folder."""
        self.folder = run_dir / FOLDER
        self.folder.mkdir(parents=True, exist_ok=True)
        self.entries = self.folder / "entries.jsonl"
        self.cursor = self.folder / "cursor.json"
        self._lock = threading.Lock()
        self._cut_torn_line()
        self._acknowledged = self._kept_cursor()

    def _cut_torn_line(self) -> None:
        self.entries.touch()
        content = self.entries.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole != len(content):
            os.truncate(self.entries, whole)

    def _kept_cursor(self) -> int:
        try:
            return int(json.loads(self.cursor.read_text())["offset"])
        except (OSError, ValueError, KeyError, TypeError):
            return 0

    def append(self, entries: Iterable[Entry]) -> None:
        """Add entries at the end. Raises OSError when the disk is full; then call it again.

        Raises ValueError for a number that is not finite: JSON has none.
        """
        text = "".join(f"{json.dumps(entry, allow_nan=False)}\n" for entry in entries).encode()
        with self._lock, self.entries.open("ab", buffering=0) as file:
            start = file.tell()
            try:
                written = file.write(text)
                if written != len(text):
                    raise OSError(28, "No space left on device", str(self.entries))
            except OSError:
                os.ftruncate(file.fileno(), start)
                raise

    def pending(self, limit: int) -> tuple[list[Entry], list[int]]:
        """Return up to `limit` entries after the cursor, and the byte where each of them ends."""
        return self._read(self.acknowledged(), limit)

    def everything(self) -> list[Entry]:
        """Return all whole entries ever written."""
        return self._read(0, None)[0]

    def _read(self, start: int, limit: int | None) -> tuple[list[Entry], list[int]]:
        entries: list[Entry] = []
        ends: list[int] = []
        with self.entries.open("rb") as file:
            file.seek(start)
            end = start
            while limit is None or len(entries) < limit:
                line = file.readline()
                if not line.endswith(b"\n"):
                    break
                end += len(line)
                try:
                    entry = json.loads(line)
                except ValueError:
                    continue
                if isinstance(entry, dict) and "kind" in entry:
                    entries.append(entry)
                    ends.append(end)
        return entries, ends

    def acknowledged(self) -> int:
        """Return the byte up to which the server has everything."""
        return self._acknowledged

    def acknowledge(self, offset: int) -> None:
        """Remember that the server has everything up to a byte.

        On a full disk this process alone remembers; a later one asks the server what it has.
        """
        self._acknowledged = offset
        part = self.cursor.with_suffix(".part")
        with contextlib.suppress(OSError):
            part.write_text(json.dumps({"offset": offset}))
            part.replace(self.cursor)

    def num_pending(self) -> int:
        """Return how many entries the server does not have yet."""
        return len(self._read(self.acknowledged(), None)[0])
