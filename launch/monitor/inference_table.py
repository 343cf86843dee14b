"""Model Serving's log of requests, a Delta table, as the same records that an endpoint here writes.

Read by its folder (a mounted or copied table), without a SQL warehouse, only the rows that are new. Payloads
that Model Serving left out for their size have no image. Source: Databricks, "Inference tables for monitoring
models".
"""

from __future__ import annotations

from pathlib import Path

from launch.errors import LaunchError
from launch.monitor import settings
from launch.monitor.model_files import labels_hash, main_version, models_dir
from launch.monitor.serving_log import cursor, keep_cursor, read_row
from launch.monitor.store import Store
from launch.serving.types import Endpoints

_COLUMNS = ("request_time", "status_code", "execution_duration_ms", "request", "response")


def read_into(endpoints: Endpoints, name: str, table: Path) -> int:
    """Record the images of a table's new rows; return how many.

    Args:
        endpoints: of the place of the endpoint.
        name: of the endpoint.
        table: folder that holds `_delta_log`.

    Raises:
        LaunchError: it is no inference table.
        EndpointError: there is no such endpoint.
    """
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError

    endpoint = endpoints.get(name)
    folder = settings.folder_of(endpoint.place, name)
    served = main_version(endpoint)
    conf = settings.read(folder)
    labels = labels_hash(models_dir(endpoints, name) / served)
    after = cursor(folder)
    try:
        dataset = DeltaTable(str(table)).to_pyarrow_dataset()
    except (DeltaError, OSError) as error:
        raise LaunchError(
            f"{table} can't be read as a Delta table ({error}). Give the folder that holds _delta_log."
        ) from error
    if lacking := [column for column in _COLUMNS if column not in dataset.schema.names]:
        raise LaunchError(f"{table} is no inference table: it has no column {', '.join(lacking)}.")
    store = Store(folder, conf.record_mib, conf.record_days)
    num, newest = 0, after
    for batch in dataset.to_batches(columns=list(_COLUMNS), batch_size=64):
        for row in batch.to_pylist():
            at = row["request_time"].timestamp()
            if at <= after:
                continue
            newest = max(newest, at)
            if row["status_code"] != 200:
                continue
            for record, picture in read_row(row, at, served, labels, conf.record_side_px):
                store.add(record, picture)
                num += 1
    store.close()
    keep_cursor(folder, newest)
    return num
