"""A Delta table per split, with images as bytes or as paths.

Tables are read where they are mounted, at their newest version.
"""

from __future__ import annotations

from pathlib import Path

from cvcore.config.schema import DataConf, TableConf
from cvcore.data.places import require_folder
from cvcore.data.readers.parquet import dataset_split
from cvcore.data.records import SPLITS, Split
from cvcore.errors import DataError


def open_reader(conf: DataConf, kind: str, root: Path) -> dict[str, Split]:
    """Return the splits that `conf` names. See `cvcore.data.readers`."""
    assert isinstance(conf, TableConf)
    return {
        name: _split(name, conf, kind, root, require_folder(root / folder, f"data.{name}"))
        for name in SPLITS
        if (folder := getattr(conf, name)) is not None
    }


def _split(name: str, conf: TableConf, kind: str, root: Path, path: Path) -> Split:
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError

    try:
        table = DeltaTable(str(path))
        dataset = table.to_pyarrow_dataset()
    except DeltaError as error:
        raise DataError(
            f"{path} can't be read as a Delta table ({error}). Give the folder that holds "
            "_delta_log; if the table has deletion vectors, run REORG TABLE ... APPLY (PURGE); "
            "read plain Parquet files with data=hf_dataset."
        ) from error
    identity = (str(path.resolve()), table.version(), sorted(table.file_uris()))
    return dataset_split(name, conf, kind, root, path, dataset, identity, {})
