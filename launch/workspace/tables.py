"""The rows of tables: SQLite, with the few functions of Databricks SQL that are asked for.

A table is a document of the store, as every object of Unity Catalog; its rows lie in a file of their own.
"""

from __future__ import annotations

import re
import sqlite3
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Row = Mapping[str, str | int | float | None]

_TABLE = re.compile(r"\bFROM\s+((?:`[^`]+`|\w+)(?:\.(?:`[^`]+`|\w+)){2})", re.IGNORECASE)


class NotASelectError(Exception):
    """What this double does not execute."""


class Tables:
    """Rows by the table's full name."""

    def __init__(self, path: Path) -> None:
        """Open or create the file."""
        self._lock = threading.Lock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        for name in ("unix_millis", "timestamp_millis"):  # a time is kept as its milliseconds
            self._db.create_function(name, 1, lambda value: value, deterministic=True)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def insert(self, table: str, row: Row) -> None:
        """Add a row; the first one makes the columns."""
        columns = ", ".join(f'"{name}"' for name in row)
        marks = ", ".join("?" for _ in row)
        with self._lock:
            self._db.execute(f'create table if not exists "{table}" ({columns})')
            self._db.execute(
                f'insert into "{table}" ({columns}) values ({marks})',  # noqa: S608 (our own)
                list(row.values()),
            )

    def select(
        self, statement: str, parameters: Mapping[str, Any]
    ) -> tuple[list[str], list[Sequence[Any]]]:
        """Return columns and rows of a SELECT.

        Raises:
            sqlite3.Error: it can't be executed.
        """
        name = table_of(statement)
        asked = _TABLE.sub(f'FROM "{name}"', statement)
        with self._lock:
            found = self._db.execute(asked, dict(parameters))
            return [column[0] for column in found.description], found.fetchall()


def table_of(statement: str) -> str:
    """Return the full name of the one table that a SELECT reads.

    Raises:
        NotASelectError: it is another statement, or of several tables.
    """
    found = _TABLE.findall(statement)
    if (
        not re.match(r"\s*SELECT\b", statement, re.IGNORECASE)
        or ";" in statement
        or len(found) != 1
    ):
        raise NotASelectError("this double executes one SELECT from one catalog.schema.table")
    return str(found[0]).replace("`", "").lower()
