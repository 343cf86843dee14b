"""A Hugging Face data set on disk: made by `save_to_disk`, or Parquet files as the hub has them.

A split is a folder of one of the two, a Parquet file, or a pattern (data/train-*.parquet). Where
data.train=train names nothing, train-*.parquet is looked for in root and in root/data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cvcore.config.schema import DataConf, TableConf
from cvcore.data.places import require_folder
from cvcore.data.readers.parquet import parquet_split, split_of_rows
from cvcore.data.readers.table import columns_of
from cvcore.data.records import SPLITS, Split
from cvcore.errors import DataError

if TYPE_CHECKING:
    import datasets


def open_reader(conf: DataConf, kind: str, root: Path) -> dict[str, Split]:
    """Return the splits that `conf` names. See `cvcore.data.readers`."""
    assert isinstance(conf, TableConf)
    return {
        name: _split(name, conf, kind, root, place)
        for name in SPLITS
        if (place := getattr(conf, name)) is not None
    }


def _split(name: str, conf: TableConf, kind: str, root: Path, place: str) -> Split:
    path = root / place
    files = sorted(root.glob(place)) if "*" in place else []
    if path.is_file():
        files = [path]
    elif not path.exists() and not files:
        files = sorted(root.glob(f"{place}-*.parquet")) or sorted(
            root.glob(f"data/{place}-*.parquet")
        )
    if files:
        return parquet_split(name, conf, kind, root, files)
    require_folder(path, f"data.{name}")
    if (path / "state.json").is_file():
        return _saved_split(name, conf, kind, root, path)
    files = sorted(path.rglob("*.parquet"))
    if not files:
        raise DataError(
            f"data.{name} is {path}, which holds neither a data set made by save_to_disk "
            "(state.json) nor Parquet files. Save each split with split.save_to_disk(folder)."
        )
    return parquet_split(name, conf, kind, root, files)


@dataclass
class SavedRows:
    """Rows of a folder made by `save_to_disk`, mapped to memory; pickles as its path."""

    path: Path
    columns: Sequence[str]
    _loaded: datasets.Dataset | None = field(default=None, repr=False, compare=False)

    @property
    def dataset(self) -> datasets.Dataset:
        """The data set without its image decoding."""
        if self._loaded is None:
            from datasets import load_from_disk

            loaded = load_from_disk(str(self.path), keep_in_memory=False)
            self._loaded = loaded.select_columns(list(self.columns)).with_format("arrow")
        return self._loaded

    def __len__(self) -> int:
        return len(self.dataset)

    def row(self, index: int) -> dict[str, Any]:
        """Return one row by column name."""
        return self.dataset[index : index + 1].to_pylist()[0]

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "columns": self.columns, "_loaded": None}


def _saved_split(name: str, conf: TableConf, kind: str, root: Path, path: Path) -> Split:
    from datasets import load_from_disk

    try:
        dataset = load_from_disk(str(path), keep_in_memory=False)
    except (OSError, ValueError, KeyError) as error:
        raise DataError(
            f"{path} can't be read as a saved data set ({error}). Save it again with save_to_disk."
        ) from error
    columns = columns_of(conf, kind, dataset.features.arrow_schema, path)
    rows = SavedRows(path, columns)
    table, features = rows.dataset.data.table, dataset.features.to_dict()
    return split_of_rows(name, conf, kind, root, path, rows, table, features)
