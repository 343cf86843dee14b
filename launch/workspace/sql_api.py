"""The statement execution API: one warehouse, which answers questions to the tables of this double."""

from __future__ import annotations

import sqlite3
import uuid
from typing import Any

from databricks.sdk.service.sql import StatementExecutionAPI

from launch.workspace import grants
from launch.workspace.errors import ApiError, missing
from launch.workspace.routes import Answer, Call, Routes
from launch.workspace.tables import NotASelectError, table_of

api = Routes()
_PATH = "/api/2.0/sql/statements"
WAREHOUSE = "f4ke0a1b2c3d4e5f"
"""Id of the warehouse."""
_INLINE_BYTES = 25 * 2**20
_NUMBERS = ("BIGINT", "INT", "LONG")


@api.add("POST", _PATH, like=StatementExecutionAPI.execute_statement)
def execute(call: Call) -> Answer:
    """Execute a SELECT; the first one since the start waits until the warehouse runs."""
    if call.args["warehouse_id"] != WAREHOUSE:
        raise missing(f"SQL warehouse {call.args['warehouse_id']} does not exist.")
    doc = {"statement_id": str(uuid.uuid4()), **_answer(call)}
    call.ws.store.put("statement", doc["statement_id"], {**doc, "by": call.who.name})
    if not call.ws.is_warehouse_up:
        call.ws.is_warehouse_up = True
        return {"statement_id": doc["statement_id"], "status": {"state": "PENDING"}}
    return doc


@api.add("GET", f"{_PATH}/<statement_id>", like=StatementExecutionAPI.get_statement)
def get(call: Call) -> Answer:
    """How it went, for who asked it."""
    doc = call.ws.store.get("statement", call.path["statement_id"])
    if doc is None or doc.pop("by") != call.who.name:
        raise missing(f"The statement {call.path['statement_id']} was not found.")
    return doc


@api.add("POST", f"{_PATH}/<statement_id>/cancel")
def cancel(call: Call) -> Answer:
    """Forget it."""
    call.ws.store.delete("statement", call.path["statement_id"])
    return {}


def _answer(call: Call) -> dict[str, Any]:
    try:
        name = table_of(call.args["statement"])
        if call.ws.store.get("table", name) is None:
            return _failed(
                "TABLE_OR_VIEW_NOT_FOUND", f"The table or view `{name}` cannot be found."
            )
        grants.require(call.ws, call.who, "table", name, "SELECT")
        given = {one["name"]: _value(one) for one in call.args.get("parameters") or []}
        columns, rows = call.ws.tables.select(call.args["statement"], given)
    except NotASelectError as error:
        return _failed("FEATURE_NOT_SUPPORTED", str(error))
    except ApiError as error:
        return _failed("INSUFFICIENT_PERMISSIONS", error.message)
    except sqlite3.Error as error:
        return _failed("PARSE_SYNTAX_ERROR", str(error))
    most = min(call.args.get("byte_limit") or _INLINE_BYTES, _INLINE_BYTES)
    kept: list[list[str | None]] = []
    size = 0
    for row in rows:
        size += sum(len(str(value)) for value in row if value is not None)
        if size > most:
            break
        kept.append([None if value is None else str(value) for value in row])
    return {
        "status": {"state": "SUCCEEDED"},
        "manifest": {
            "format": "JSON_ARRAY",
            "schema": {
                "column_count": len(columns),
                "columns": [{"name": column, "position": at} for at, column in enumerate(columns)],
            },
            "total_row_count": len(kept),
            "truncated": len(kept) < len(rows),
        },
        "result": {"chunk_index": 0, "row_offset": 0, "row_count": len(kept), "data_array": kept},
    }


def _value(parameter: dict[str, Any]) -> str | int | None:
    value = parameter.get("value")
    return int(value) if value is not None and parameter.get("type") in _NUMBERS else value


def _failed(code: str, message: str) -> dict[str, Any]:
    error = {"error_code": "BAD_REQUEST", "message": f"[{code}] {message}"}
    return {"status": {"state": "FAILED", "error": error}}
