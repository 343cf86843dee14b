"""What endpoints with an inference table were asked: a row for each request, as AI Gateway writes it."""

from __future__ import annotations

import time
import uuid
from typing import Any

from werkzeug.wrappers import Response

from launch.workspace.jobs.status import now_ms
from launch.workspace.routes import Call

_LOGGED_BYTES = 2**20
"""Larger payloads are left out."""


def write(call: Call, endpoint: dict[str, Any], answer: Response, seconds: float) -> None:
    """Log a request that was answered, if the endpoint keeps a log; its first row makes the table."""
    wish = (endpoint.get("ai_gateway") or {}).get("inference_table_config") or {}
    if not wish.get("enabled"):
        return
    schema = f"{wish['catalog_name']}.{wish['schema_name']}".lower()
    name = f"{schema}.{wish.get('table_name_prefix') or endpoint['name']}_payload".lower()
    if call.ws.store.get("table", name) is None:
        doc = {"name": name.rpartition(".")[2], "full_name": name, "table_type": "MANAGED"}
        call.ws.store.put("table", name, {**doc, "owner": endpoint["creator"]})
    request, response = call.request.get_data(), answer.get_data()
    fits = max(len(request), len(response)) <= _LOGGED_BYTES
    call.ws.tables.insert(
        name,
        {
            "request_date": time.strftime("%Y-%m-%d", time.gmtime()),
            "databricks_request_id": str(uuid.uuid4()),
            "client_request_id": None,
            "request_time": now_ms() - int(1000 * seconds),
            "status_code": answer.status_code,
            "sampling_fraction": 1.0,
            "execution_duration_ms": round(1000 * seconds),
            "request": request.decode("utf-8", "replace") if fits else None,
            "response": response.decode("utf-8", "replace") if fits else None,
            "served_entity_id": None,
            "logging_error_codes": None if fits else '["MAX_REQUEST_SIZE_EXCEEDED"]',
            "requester": call.who.name,
        },
    )
