"""Model Serving's log of requests (its inference table), asked for by SQL, a bounded piece at a time.

There are two forms: of AI Gateway, and the older one of `auto_capture_config`. Source: Databricks, "Monitor
served models using AI Gateway-enabled inference tables", "Inference tables for monitoring models".
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from databricks.sdk import WorkspaceClient
from databricks.sdk.service.serving import ServingEndpointDetailed

from cvcore.config.schema import MonitoringConf
from launch.databricks.client import EDGE, in_words
from launch.databricks.warehouse import Parameters, Rows, ask
from launch.errors import LaunchError
from launch.local.files import write_json
from launch.monitor.read_request import records
from launch.monitor.record import Record
from launch.monitor.store import Store
from launch.serving.local.requests_log import Request

MOST = 20_000
"""Requests read at once, the newest."""
_PAGE = 16
"""Rows with images read at once."""
_CURSOR = "table.json"
_DAY_S = 86_400.0
_OK = 200


@dataclass(frozen=True)
class Table:
    """A log of requests.

    Attributes:
        name: catalog.schema.table.
        at_ms: SQL for when a request came, milliseconds since 1970 (UTC).
        took_ms: the column of milliseconds until the answer.
        since: SQL for "not before", of the parameters `day` and `after`.
    """

    name: str
    at_ms: str
    took_ms: str
    since: str

    @property
    def quoted(self) -> str:
        """Its name in SQL."""
        return ".".join("`{}`".format(part.replace("`", "``")) for part in self.name.split("."))


def table_of(detail: ServingEndpointDetailed) -> Table:
    """Return an endpoint's log of requests.

    Raises:
        LaunchError: it keeps none.
    """
    gateway = detail.ai_gateway.inference_table_config if detail.ai_gateway else None
    if gateway is not None and gateway.enabled and gateway.catalog_name and gateway.schema_name:
        prefix = gateway.table_name_prefix or detail.name
        return Table(
            f"{gateway.catalog_name}.{gateway.schema_name}.{prefix}_payload".lower(),
            "unix_millis(request_time)",
            "execution_duration_ms",
            "request_date >= :day AND request_time > timestamp_millis(:after)",
        )
    former = detail.config.auto_capture_config if detail.config else None
    if former is not None and former.enabled and former.catalog_name and former.schema_name:
        made = former.state.payload_table if former.state else None
        name = (made.name if made else None) or f"{former.table_name_prefix or detail.name}_payload"
        return Table(
            f"{former.catalog_name}.{former.schema_name}.{name.rpartition('.')[2]}".lower(),
            "timestamp_ms",
            "execution_time_ms",
            "date >= :day AND timestamp_ms > :after",
        )
    raise LaunchError(
        f"endpoint {detail.name} keeps no log of its requests, so they can't be counted. Deploy with "
        "serving.inference_table=<catalog>.<schema>; its page at Databricks has the platform's own figures."
    )


def requests(client: WorkspaceClient, name: str, since_s: float) -> list[Request]:
    """Return the requests of the last seconds, oldest first, at most `MOST`.

    Raises:
        LaunchError: there is no log, no warehouse, or it can't be read; says why.
    """
    table = table_of(_detail(client, name))
    found = _asked(
        client,
        table,
        f"SELECT {table.at_ms} AS at_ms, status_code, {table.took_ms} "  # noqa: S608 (names are quoted)
        f"FROM {table.quoted} "
        f"WHERE {table.since} ORDER BY at_ms DESC LIMIT {MOST}",
        _since(time.time() - since_s),
    )
    return [
        Request(int(at or 0) / 1000, "", int(status or 0), int(took or 0) / 1000, 0, 0)
        for at, status, took in reversed(found.rows)
    ]


def record_new(
    client: WorkspaceClient,
    name: str,
    served: str,
    labels: str,
    folder: Path,
    conf: MonitoringConf,
) -> int:
    """Record the images of the newest rows that are not recorded yet; return how many.

    Args:
        client: of the workspace.
        name: of the endpoint.
        served: the version that the rows count as; older ones than its deployment are left out.
        labels: hash of its label space.
        folder: of the endpoint's records.
        conf: how many, and how old.

    Raises:
        LaunchError: there is no log, no warehouse, or it can't be read; says why.
    """
    detail = _detail(client, name)
    table, now = table_of(detail), time.time()
    after = max(cursor(folder), now - conf.record_days * _DAY_S, _began(detail, served))
    statement = (
        f"SELECT {table.at_ms} AS at_ms, {table.took_ms}, request, response "  # noqa: S608 (as above)
        f"FROM {table.quoted} WHERE {table.since} "
        f"AND status_code = {_OK} AND request IS NOT NULL AND {table.at_ms} <= :until "
        f"ORDER BY at_ms DESC, databricks_request_id LIMIT {_PAGE} OFFSET "
    )
    limits = {**_since(after), "until": (str(int(now * 1000)), "BIGINT")}
    kept: list[tuple[Record, bytes]] = []
    newest, offset = after, 0
    while len(kept) < conf.drift_images:
        # The order is the newest first, and no row after `until` moves it.
        found = _asked(client, table, f"{statement}{offset}", limits)
        for at_ms, took, request, response in found.rows:
            at = int(at_ms or 0) / 1000
            newest = max(newest, at)
            row = {
                "request": request,
                "response": response,
                "execution_duration_ms": int(took or 0),
            }
            kept += read_row(row, at, served, labels, conf.record_side_px)
        offset += len(found.rows)
        if not found.rows or (len(found.rows) < _PAGE and not found.is_cut):
            break
    store = Store(folder, conf.record_mib, conf.record_days)
    for record, picture in sorted(kept, key=lambda one: one[0].at):
        store.add(record, picture)
    store.close()
    keep_cursor(folder, newest)
    return len(kept)


def read_row(
    row: Mapping[str, Any], at: float, served: str, labels: str, side_px: int
) -> list[tuple[Record, bytes]]:
    """Return the records and JPEGs of a row's images."""
    found = records(
        row["request"] or "",
        row["response"] or "",
        at=at,
        served=served,
        labels=labels,
        seconds=(row["execution_duration_ms"] or 0) / 1000,
        side_px=side_px,
    )
    return list(found)


def cursor(folder: Path) -> float:
    """Return up to when rows are recorded, seconds since 1970 (UTC)."""
    try:
        return float(json.loads((folder / _CURSOR).read_text(encoding="utf-8"))["after"])
    except (OSError, ValueError, KeyError, TypeError):
        return float("-inf")


def keep_cursor(folder: Path, after: float) -> None:
    """Say up to when rows are recorded."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / _CURSOR, {"after": after})


def _since(after: float) -> dict[str, tuple[str, str]]:
    day = time.strftime("%Y-%m-%d", time.gmtime(after))
    return {"day": (day, "DATE"), "after": (str(int(after * 1000)), "BIGINT")}


def _began(detail: ServingEndpointDetailed, served: str) -> float:
    entities = (detail.config.served_entities if detail.config else None) or []
    return max(
        ((one.creation_timestamp or 0) / 1000 for one in entities if one.name == served),
        default=0.0,
    )


def _detail(client: WorkspaceClient, name: str) -> ServingEndpointDetailed:
    try:
        return client.serving_endpoints.get(name)
    except EDGE as error:
        raise LaunchError(in_words(error)) from error


def _asked(client: WorkspaceClient, table: Table, statement: str, parameters: Parameters) -> Rows:
    try:
        return ask(client, statement, parameters)
    except LaunchError as error:
        if "TABLE_OR_VIEW_NOT_FOUND" in str(error):
            raise LaunchError(
                f"the log {table.name} is not there: Model Serving makes it within an hour after the "
                "first request. If it stays away, grant SELECT on it and USE SCHEMA, USE CATALOG above it."
            ) from error
        raise LaunchError(f"the log {table.name} can't be read: {error}") from error
