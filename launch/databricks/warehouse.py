"""Questions to a SQL warehouse, through the statement execution API: small answers, bounded in time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from databricks.sdk import WorkspaceClient
from databricks.sdk.service.sql import (
    ExecuteStatementRequestOnWaitTimeout,
    StatementParameterListItem,
    StatementResponse,
    StatementState,
)

from launch.clock import Clock, SystemClock
from launch.databricks.client import EDGE, in_words
from launch.errors import LaunchError

VARIABLE = "DATABRICKS_WAREHOUSE_ID"
_WAIT_S = 20
"""Of one request; less than after which the client sends it again."""
_LONGEST_S = 180.0
"""A warehouse that is stopped needs a while to start."""
_LOOK_S = (0.25, 5.0)
"""Between two looks, at first and at most."""
_UNDER_WAY = (StatementState.PENDING, StatementState.RUNNING)

Parameters = Mapping[str, tuple[str, str]]
"""Name -> (value, SQL type)."""


@dataclass(frozen=True)
class Rows:
    """An answer.

    Attributes:
        rows: values as the warehouse writes them, in the order of the columns; None for NULL.
        is_cut: whether there were more bytes than asked for.
    """

    rows: Sequence[Sequence[str | None]]
    is_cut: bool = False


def ask(
    client: WorkspaceClient,
    statement: str,
    parameters: Parameters,
    *,
    most_bytes: int = 16 * 2**20,
    clock: Clock | None = None,
) -> Rows:
    """Return what a SELECT finds, with the rights of whoever the client is signed in as.

    Args:
        client: of the workspace; its `warehouse_id` (DATABRICKS_WAREHOUSE_ID, or of its profile) is asked.
        statement: with `:name` for each parameter.
        parameters: of the statement.
        most_bytes: an answer is cut there.
        clock: passes time while a warehouse starts.

    Raises:
        LaunchError: no warehouse is named, it does not answer in time, or it refuses; in a sentence.
    """
    warehouse = client.config.warehouse_id
    if not warehouse:
        raise LaunchError(
            f"no SQL warehouse is named. Set {VARIABLE} (the id is on the warehouse's page, under "
            "Connection details), with CAN_USE on it for whoever asks."
        )
    clock = clock or SystemClock()
    execution = client.statement_execution
    try:
        found = execution.execute_statement(
            statement,
            warehouse,
            byte_limit=most_bytes,
            on_wait_timeout=ExecuteStatementRequestOnWaitTimeout.CONTINUE,
            parameters=[
                StatementParameterListItem(name, type=kind, value=value)
                for name, (value, kind) in parameters.items()
            ],
            wait_timeout=f"{_WAIT_S}s",
        )
        until, pause_s = clock.now() + _LONGEST_S, _LOOK_S[0]
        while found.status is not None and found.status.state in _UNDER_WAY:
            if clock.now() > until:
                execution.cancel_execution(str(found.statement_id))
                raise LaunchError(
                    f"the SQL warehouse {warehouse} did not answer within {_LONGEST_S:.0f} s: it may "
                    "still be starting. Try again in a minute."
                )
            clock.sleep(pause_s)
            pause_s = min(2 * pause_s, _LOOK_S[1])
            found = execution.get_statement(str(found.statement_id))
        return _rows(client, found)
    except EDGE as error:
        raise LaunchError(in_words(error)) from error


def _rows(client: WorkspaceClient, found: StatementResponse) -> Rows:
    status = found.status
    if status is None or status.state is not StatementState.SUCCEEDED:
        said = status.error.message if status is not None and status.error is not None else ""
        state = status.state.value if status is not None and status.state is not None else "lost"
        raise LaunchError(
            f"the SQL warehouse could not answer ({state}): {said or 'it said nothing'}"
        )
    rows: list[Sequence[str | None]] = []
    part = found.result
    while part is not None:
        rows += part.data_array or []
        if part.next_chunk_index is None:
            break
        part = client.statement_execution.get_statement_result_chunk_n(
            str(found.statement_id), part.next_chunk_index
        )
    return Rows(rows, bool(found.manifest and found.manifest.truncated))
