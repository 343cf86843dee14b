"""The images of a batch: listed once, then fixed, so that a later start does the same ones."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cvcore.batch.job import BatchError, BatchJob
from cvcore.data.places import localise
from cvcore.data.records import ImageRef
from cvcore.errors import DataError, did_you_mean

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.dataset as pads

FILE = "inputs.json"
NAMES = "inputs.parquet"
SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
_CONTENT = "content"  # what Spark calls the bytes of a file


@dataclass(frozen=True)
class Item:
    """An image to predict: its name in the output, and where it is, or why it can't be had."""

    name: str
    ref: ImageRef | None
    error: str = ""


@dataclass(frozen=True)
class Inputs:
    """What was listed.

    Attributes:
        kind: folder, delta or parquet.
        num: of images.
        version: of a Delta table; -1 otherwise.
        state: folder with the list.
    """

    kind: str
    num: int
    version: int
    state: Path

    def num_shards(self, size: int) -> int:
        """Return how many shards of a size there are."""
        return -(-self.num // size)


def kind_of(job: BatchJob) -> str:
    """Return folder, delta or parquet.

    Raises:
        DataError: there is no such source.
    """
    path = localise(job.source)
    if (path / "_delta_log").is_dir():
        return "delta"
    if path.is_file() and path.suffix == ".parquet":
        return "parquet"
    if path.is_dir():
        return "parquet" if next(path.glob("*.parquet"), None) else "folder"
    siblings = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
    raise DataError(
        f"there is no source {job.source}. Give a folder of images, a Delta table's folder or "
        f"Parquet files.{did_you_mean(path.name, siblings)}"
    )


def freeze(job: BatchJob) -> Inputs:
    """Return the inputs that an earlier start listed, else list them now.

    Raises:
        DataError: there is no source, it holds no image, or it can't be read.
    """
    file = job.state / FILE
    if file.is_file():
        values = json.loads(file.read_text())
        return Inputs(values["kind"], values["num"], values["version"], job.state)
    kind, version = kind_of(job), -1
    if kind == "folder":
        num = _list(job)
    else:
        dataset, version = _open(job, kind, None)
        _columns(job, dataset)
        num = sum(rows for _, rows in _groups(dataset))
    if not num:
        raise DataError(f"{job.source} holds no image. {_what(kind)}")
    values = {"kind": kind, "num": num, "version": version}
    part = file.with_suffix(".part")
    part.write_text(json.dumps(values))
    part.replace(file)
    return Inputs(kind, num, version, job.state)


def items(job: BatchJob, inputs: Inputs, shard: int) -> list[Item]:
    """Return the images of a shard, in the order of the source.

    Raises:
        BatchError: the source is not what it was when it was listed.
    """
    start, stop = shard * job.shard_size, min((shard + 1) * job.shard_size, inputs.num)
    if inputs.kind == "folder":
        root = localise(job.source).absolute()
        return [Item(name, ImageRef(root / name)) for name in _names(inputs.state)[start:stop]]
    return _rows(job, inputs, start, stop)


def num_new(job: BatchJob, inputs: Inputs) -> int:
    """Return how many images a folder has now that were not listed; 0 for tables."""
    if inputs.kind != "folder":
        return 0
    return len(set(_found(localise(job.source).absolute())) - set(_names(inputs.state)))


def _found(root: Path) -> list[str]:
    found = (path for path in root.rglob("*") if path.suffix.lower() in SUFFIXES)
    return sorted(path.relative_to(root).as_posix() for path in found)


def _list(job: BatchJob) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = _found(localise(job.source).absolute())
    pq.write_table(pa.table({"name": pa.array(names, pa.string())}), job.state / NAMES)
    return len(names)


@lru_cache(maxsize=2)
def _names(state: Path) -> list[str]:
    import pyarrow.parquet as pq

    names: list[str] = pq.read_table(state / NAMES)["name"].to_pylist()
    return names


def _open(job: BatchJob, kind: str, version: int | None) -> tuple[pads.Dataset, int]:
    import pyarrow as pa
    import pyarrow.dataset as pads

    path = localise(job.source)
    if kind == "parquet":
        try:
            return pads.dataset(str(path), format="parquet"), -1
        except (pa.ArrowInvalid, OSError) as error:
            raise DataError(f"{path} can't be read as Parquet: {error}.") from error
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError

    try:
        table = DeltaTable(str(path), version=version)
        return table.to_pyarrow_dataset(), table.version()
    except DeltaError as error:
        raise DataError(
            f"{path} can't be read as a Delta table ({error}). If it has deletion vectors, run REORG "
            "TABLE ... APPLY (PURGE)."
        ) from error


def _groups(dataset: pads.Dataset) -> list[tuple[Any, int]]:
    """Return the row groups of a data set with their numbers of rows, always in the same order."""
    return [
        (fragment.subset(row_group_ids=[group.id]), group.num_rows)
        for fragment in sorted(dataset.get_fragments(), key=lambda one: one.path)
        for group in fragment.row_groups
    ]


@lru_cache(maxsize=1)
def _opened(job: BatchJob, inputs: Inputs) -> tuple[list[tuple[Any, int]], list[str]]:
    dataset, _ = _open(job, inputs.kind, inputs.version if inputs.version >= 0 else None)
    return _groups(dataset), _columns(job, dataset)


def _columns(job: BatchJob, dataset: pads.Dataset) -> list[str]:
    """Return the columns to read: the image's, and the one that names the row."""
    names = dataset.schema.names
    image = job.image_column
    if image == "image" and image not in names and _CONTENT in names:
        image = _CONTENT
    wanted = [image] if job.id_column is None else [image, job.id_column]
    for column in wanted:
        if column not in names:
            raise DataError(
                f"{job.source} has no column {column!r}; it has {', '.join(names)}. Say which holds "
                f"the images.{did_you_mean(column, names)}"
            )
    return wanted


def _rows(job: BatchJob, inputs: Inputs, start: int, stop: int) -> list[Item]:
    groups, columns = _opened(job, inputs)
    found: list[Item] = []
    at = 0
    for number, (_, rows) in enumerate(groups):
        first, last = max(start - at, 0), min(stop - at, rows)
        if first < last:
            part = _group(job, inputs, number).slice(first, last - first)
            for offset, row in enumerate(part.to_pylist()):
                found.append(_item(job, columns, row, at + first + offset))
        at += rows
    if at != inputs.num:
        raise BatchError(
            f"{job.source} has {at:,} rows now, and had {inputs.num:,} when this batch began. Give "
            "another output for the rows of today."
        )
    return found


@lru_cache(maxsize=2)
def _group(job: BatchJob, inputs: Inputs, number: int) -> pa.Table:
    groups, columns = _opened(job, inputs)
    return groups[number][0].to_table(columns=columns)


def _item(job: BatchJob, columns: list[str], row: Mapping[str, Any], number: int) -> Item:
    name = str(number) if job.id_column is None else str(row[job.id_column])
    value: Any = row[columns[0]]
    path: Any = None
    if isinstance(value, Mapping):
        cell = value
        value, path = cell.get("bytes"), cell.get("path")
    if isinstance(value, bytes):
        return Item(name, ImageRef(data=value, name=f"row {number}"))
    path = value if isinstance(value, str) else path
    if not isinstance(path, str) or not path:
        return Item(name, None, f"row {number}: column {columns[0]!r} holds no image")
    source = localise(job.source)
    root = source if source.is_dir() else source.parent
    try:
        return Item(name, ImageRef(root / localise(path)))
    except DataError as error:
        return Item(name, None, str(error))


def _what(kind: str) -> str:
    if kind == "folder":
        return f"Pictures are files ending in {', '.join(SUFFIXES)}."
    return "The table has no rows."
