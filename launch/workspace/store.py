"""What the workspace remembers: JSON documents in one SQLite file, so a restart loses nothing."""

from __future__ import annotations

import json
import sqlite3
import threading
from pathlib import Path
from typing import Any

Doc = dict[str, Any]

_SCHEMA = """
create table if not exists docs (
  kind text, key text, seq integer, body text, primary key (kind, key));
create table if not exists counters (kind text primary key, value integer);
"""


class Store:
    """Documents by (kind, key), in the order in which their keys were first put.

    `lock` is the workspace's one lock: hold it around every read-change-write.
    """

    def __init__(self, path: Path) -> None:
        """Open or create the file."""
        self.lock = threading.RLock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.execute("pragma journal_mode=wal")
        self._db.execute("pragma synchronous=off")  # survives the process, not the machine
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the file."""
        with self.lock:
            self._db.close()

    def next_id(self, kind: str, first: int = 1) -> int:
        """Return a number never given before for this kind."""
        with self.lock:
            row = self._db.execute("select value from counters where kind=?", (kind,)).fetchone()
            value = row[0] + 1 if row else first
            self._db.execute("insert or replace into counters values (?, ?)", (kind, value))
            return value

    def get(self, kind: str, key: object) -> Doc | None:
        """Return a copy of the document, or None."""
        with self.lock:
            row = self._db.execute(
                "select body from docs where kind=? and key=?", (kind, str(key))
            ).fetchone()
        return json.loads(row[0]) if row else None

    def put(self, kind: str, key: object, body: Doc) -> None:
        """Create or replace; a replaced document keeps its place in the order."""
        with self.lock:
            text = json.dumps(body)
            changed = self._db.execute(
                "update docs set body=? where kind=? and key=?", (text, kind, str(key))
            ).rowcount
            if not changed:
                self._db.execute(
                    "insert into docs values (?, ?, ?, ?)",
                    (kind, str(key), self.next_id("seq"), text),
                )

    def delete(self, kind: str, key: object) -> bool:
        """Remove the document; False when there was none."""
        with self.lock:
            done = self._db.execute("delete from docs where kind=? and key=?", (kind, str(key)))
            return done.rowcount > 0

    def all(self, kind: str, prefix: str = "") -> list[Doc]:
        """Return the documents whose key starts with `prefix`, oldest first."""
        with self.lock:
            rows = self._db.execute(
                "select body from docs where kind=? and substr(key, 1, ?)=? order by seq",
                (kind, len(prefix), prefix),
            ).fetchall()
        return [json.loads(row[0]) for row in rows]

    def items(self, kind: str) -> list[tuple[str, Doc]]:
        """Return (key, document) pairs, oldest first."""
        with self.lock:
            rows = self._db.execute(
                "select key, body from docs where kind=? order by seq", (kind,)
            ).fetchall()
        return [(key, json.loads(body)) for key, body in rows]
