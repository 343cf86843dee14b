"""The parts of an output: one file per shard, whole or not there."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from cvcore.batch.job import BatchJob

if TYPE_CHECKING:
    import pyarrow as pa

_NAME = re.compile(r"part-(\d{6})\.parquet")


class Parts:
    """A folder of parts."""

    def __init__(self, folder: Path) -> None:
        """Take the folder; created when the first part is written."""
        self.folder = folder

    def path(self, shard: int) -> Path:
        """Return where a shard's part is."""
        return self.folder / f"part-{shard:06d}.parquet"

    def done(self) -> set[int]:
        """Return the shards that have their part."""
        if not self.folder.is_dir():
            return set()
        names = (_NAME.fullmatch(entry.name) for entry in os.scandir(self.folder))
        return {int(match[1]) for match in names if match}

    def write(self, shard: int, table: pa.Table) -> None:
        """Write a shard's part; a second time is the same file again."""
        import pyarrow.parquet as pq

        self.folder.mkdir(parents=True, exist_ok=True)
        part = self.folder / f".{self.path(shard).name}.{os.getpid()}"
        try:
            pq.write_table(table, part)
            with part.open("rb") as file:
                os.fsync(file.fileno())
            part.replace(self.path(shard))
        finally:
            part.unlink(missing_ok=True)

    def clean(self) -> None:
        """Remove what a killed worker was writing."""
        for torn in self.folder.glob(".part-*.parquet.*"):
            torn.unlink(missing_ok=True)

    def files(self) -> list[Path]:
        """Return the parts, in order."""
        return [self.path(shard) for shard in sorted(self.done())]


def parts_folder(job: BatchJob) -> Path:
    """Return where a job's parts are: the output itself, if it is to be Parquet."""
    return job.folder if job.format == "parquet" else job.state / "parts"
