"""Rows of a table, one at a time and in any order, without the table in memory.

Parquet can't be read row by row: one row costs its whole row group. So the columns a task needs are
copied once, batch by batch, to an Arrow file in the cache; that file is then mapped to memory.
"""

from __future__ import annotations

import errno
import hashlib
import os
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cvcore.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.dataset as pads

_BATCH_ROWS = 128  # of images: some 10 to 100 MB


@dataclass
class ArrowRows:
    """The rows of an Arrow IPC file, mapped to memory; pickles as its path."""

    path: Path

    def __post_init__(self) -> None:
        self._table: pa.Table | None = None

    @property
    def table(self) -> pa.Table:
        """The whole table; its columns are in the file, not in memory."""
        if self._table is None:
            import pyarrow as pa

            self._table = pa.ipc.open_file(pa.memory_map(str(self.path))).read_all()
        return self._table

    def __len__(self) -> int:
        return self.table.num_rows

    def row(self, index: int) -> dict[str, Any]:
        """Return one row by column name."""
        return self.table.slice(index, 1).to_pylist()[0]

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "_table": None}


def cached_rows(
    dataset: pads.Dataset, columns: Sequence[str], identity: Sequence[object], cache: Path
) -> ArrowRows:
    """Return the rows of some columns of a data set, copied to `cache` at the first call.

    Args:
        dataset: a pyarrow data set (Parquet files, the files of a Delta version).
        columns: the columns to keep.
        identity: what changes whenever the content does (files, sizes, times, version).
        cache: folder for the copy.

    Raises:
        DataError: a file can't be read, or the disk is full.
    """
    import pyarrow as pa

    key = hashlib.sha256(repr((list(columns), list(identity))).encode()).hexdigest()[:24]
    path = cache / f"{key}.arrow"
    if path.exists():
        return ArrowRows(path)
    # Each process writes its own file and renames it: the last one wins, all are the same.
    partial = cache / f".{key}.{os.getpid()}-{uuid.uuid4().hex[:8]}.partial"
    try:
        cache.mkdir(parents=True, exist_ok=True)
        scanner = dataset.scanner(
            columns=list(columns), batch_size=_BATCH_ROWS, batch_readahead=1, fragment_readahead=1
        )
        with (
            pa.OSFile(str(partial), "wb") as sink,
            pa.ipc.new_file(sink, scanner.projected_schema) as writer,
        ):
            for batch in scanner.to_batches():
                writer.write_batch(batch)
        partial.replace(path)
    except OSError as error:  # pyarrow's own errors of files are OSErrors too
        if error.errno == errno.ENOSPC:
            raise DataError(
                f"the disk of {cache} is full: the table's images do not fit. Free space there, or "
                "set data.cache_dir to a larger disk."
            ) from error
        raise DataError(f"the table can't be read ({error}). Check its files.") from error
    except pa.ArrowInvalid as error:
        raise DataError(f"the table can't be read ({error}). Check its files.") from error
    finally:
        partial.unlink(missing_ok=True)
    return ArrowRows(path)
