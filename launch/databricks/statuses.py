"""A run's status from what the platform says of its job and the node of its training.

The node's word on how a training ended is the last one: the platform can only say how the program
around it ended. Of a node that could say nothing more, the platform tells.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

from databricks.sdk import WorkspaceClient
from databricks.sdk.service.jobs import Run

from launch.base import RunHandle, RunState, RunStatus
from launch.clock import Clock
from launch.databricks import failures, states
from launch.databricks.record import Record
from launch.databricks.volume import Volume
from launch.node.layout import NodeStatus
from launch.node.run import CANCELED

_NODE_S = 5.0
"""How often the node's word is read while the platform says that it runs."""


@dataclass
class _Known:
    external_id: str
    status: RunStatus
    node: NodeStatus
    read_at: float = float("-inf")


class Statuses:
    """Combines the two, and remembers so that little is asked twice."""

    def __init__(self, clock: Clock) -> None:
        """Take the clock."""
        self._clock = clock
        self._known: dict[str, _Known] = {}
        self._former: dict[str, set[str]] = {}
        self._lock = threading.Lock()

    def final(self, record: Record) -> RunStatus | None:
        """Return how a submission ended, None if that is not known (yet)."""
        known = self._known.get(record.run_id)
        if known is None or known.external_id != record.external_id:
            return None
        return known.status if known.status.state.is_final else None

    def former(self, record: Record) -> set[str]:
        """Return the platform's ids of a run that were seen, the last one included."""
        return self._former.get(record.run_id, set())

    def last(self, handle: RunHandle) -> RunStatus:
        """Return what was last known of a run."""
        known = self._known.get(handle.run_id)
        if known is not None:
            return known.status
        return RunStatus(
            RunState.PENDING, "the workspace can't be asked for it now", handle.external_id
        )

    def last_of(self, record: Record) -> RunStatus:
        """Return what was last known of a submission."""
        known = self._known.get(record.run_id)
        if known is not None and known.external_id == record.external_id:
            return known.status
        return RunStatus(
            RunState.PENDING,
            "the workspace can't be asked for it now",
            record.external_id,
            submitted_at=record.submitted_at,
        )

    def of(self, client: WorkspaceClient, record: Record, run: Run | None) -> RunStatus:
        """Return the status of a submission.

        Args:
            client: of the workspace; asked for the node's word and for what went wrong.
            record: of the submission.
            run: what the platform says; None: it knows the run no longer.

        Raises:
            DatabricksError: the workspace does not answer.
        """
        state = None if run is None else states.state_of(run)
        node = self._node(client, record, fresh=run is None or bool(state and state.is_final))
        status = self._combined(client, record, run, state, node)
        with self._lock:
            self._former.setdefault(record.run_id, set()).add(record.external_id)
            known = self._known.get(record.run_id)
            if known is None or known.external_id != record.external_id:
                known = self._known[record.run_id] = _Known(record.external_id, status, node)
            if not known.status.state.is_final:
                known.status = status
            return known.status

    def _node(self, client: WorkspaceClient, record: Record, *, fresh: bool) -> NodeStatus:
        now = self._clock.now()
        with self._lock:
            known = self._known.get(record.run_id)
            if known is not None and known.external_id != record.external_id:
                known = None
            waits = known is not None and known.node.state is RunState.RUNNING
            if known is not None and waits and not fresh and now < known.read_at + _NODE_S:
                return known.node
        values = Volume(client).read_json(record.folder.status(record.generation))
        node = NodeStatus() if values is None else NodeStatus.from_dict(values)
        with self._lock:
            if known is not None:
                known.node, known.read_at = node, now
        return node

    def _combined(
        self,
        client: WorkspaceClient,
        record: Record,
        run: Run | None,
        state: RunState | None,
        node: NodeStatus,
    ) -> RunStatus:
        def status(state: RunState, reason: str, ended_at: float | None = None) -> RunStatus:
            return RunStatus(
                state,
                reason,
                record.external_id,
                "" if run is None else run.run_page_url or "",
                record.submitted_at,
                node.started_at,
                ended_at,
                node.attempt,
                node.exit_code,
            )

        if node.state.is_final:
            return status(node.state, node.reason, node.ended_at)
        if run is None:
            gone = "the platform no longer knows the run, and its node left no word on its end"
            return status(RunState.LOST, gone, self._clock.now())
        if state is None:
            last = self.last_of(record)
            return status(last.state, "the platform says a state that is not known here")
        if state.is_final:
            ended_at = run.end_time / 1000 if run.end_time else self._clock.now()
            return status(state, _reason(client, record, run, state), ended_at)
        if state is RunState.RUNNING and node.attempt == 0:
            return status(RunState.PENDING, "the node prepares")
        if state is RunState.RUNNING:
            return status(node.state, node.reason)
        return status(state, _waits_for(run, node))


def _reason(client: WorkspaceClient, record: Record, run: Run, state: RunState) -> str:
    if state is RunState.SUCCEEDED:
        return ""
    if state is RunState.CANCELED:
        return CANCELED if record.cancel_at is not None else "canceled on the platform"
    if run.tasks is None:
        run = client.jobs.get_run(int(record.external_id))
    return failures.sentence(client, run)


def _waits_for(run: Run, node: NodeStatus) -> str:
    queue = run.status.queue_details if run.status else None
    if queue is not None and queue.message:
        return queue.message
    said = (run.state.state_message if run.state else None) or ""
    return node.reason or said
