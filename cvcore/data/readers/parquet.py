"""A split of the rows of a pyarrow data set: Parquet files, or a version of a Delta table."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cvcore.config.schema import TableConf
from cvcore.data.places import localise
from cvcore.data.readers.arrow_rows import cached_rows
from cvcore.data.readers.table import TableSplit, categories_of, columns_of
from cvcore.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.dataset as pads


def dataset_split(
    name: str,
    conf: TableConf,
    kind: str,
    root: Path,
    source: Path,
    dataset: pads.Dataset,
    identity: Sequence[object],
    features: Mapping[str, Any],
) -> TableSplit:
    """Return a split over a pyarrow data set.

    Args:
        name: train, val or test.
        conf: which column holds what.
        kind: the task.
        root: folder of the data set.
        source: the table, for messages.
        dataset: its rows.
        identity: what changes whenever the content does.
        features: Hugging Face's description of the columns, or nothing.
    """
    columns = columns_of(conf, kind, dataset.schema, source)
    rows = cached_rows(dataset, columns, identity, localise(conf.cache_dir) / "tables")
    return split_of_rows(name, conf, kind, root, source, rows, rows.table, features)


def split_of_rows(
    name: str,
    conf: TableConf,
    kind: str,
    root: Path,
    source: Path,
    rows: Any,
    table: pa.Table,
    features: Mapping[str, Any],
) -> TableSplit:
    """Return a split over rows; `table` is the same rows as Arrow columns."""
    bare = TableSplit(name, (), (), rows, conf, kind, root, source)
    masks = (bare[index].mask for index in range(len(rows)))
    categories = categories_of(conf, kind, root, table, features, masks)
    return TableSplit(name, tuple(categories), (), rows, conf, kind, root, source)


def parquet_split(
    name: str, conf: TableConf, kind: str, root: Path, files: list[Path]
) -> TableSplit:
    """Return a split over Parquet files.

    Raises:
        DataError: a file is not Parquet, or the files have different columns.
    """
    import pyarrow as pa
    import pyarrow.dataset as pads

    source = files[0] if len(files) == 1 else files[0].parent
    try:
        dataset = pads.dataset([str(f) for f in files], format="parquet")
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"{source} can't be read as Parquet ({error}). Export it again.") from error
    stats = [(str(f.resolve()), f.stat().st_size, f.stat().st_mtime_ns) for f in files]
    return dataset_split(name, conf, kind, root, source, dataset, stats, _features(dataset.schema))


def _features(schema: pa.Schema) -> Mapping[str, Any]:
    """Return Hugging Face's description of the columns, which it keeps in the schema."""
    text = (schema.metadata or {}).get(b"huggingface")
    if text is None:
        return {}
    try:
        features = json.loads(text)["info"]["features"]
    except (ValueError, KeyError, TypeError):
        return {}
    return features if isinstance(features, Mapping) else {}
