"""`DatabricksLauncher`: runs as jobs of a workspace.

The platform and the run's folder on a Volume hold all there is to know; a launcher made after a
restart says the same. What is kept in memory only saves requests.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from databricks.sdk import WorkspaceClient
from databricks.sdk.errors.base import DatabricksError
from databricks.sdk.service.jobs import Run

from launch.base import RunHandle, RunSpec, RunState, RunStatus
from launch.clock import Clock, SystemClock
from launch.databricks import code as delivery
from launch.databricks import jobs, states, task
from launch.databricks.client import EDGE, Clients, in_words, is_missing
from launch.databricks.cluster import machines
from launch.databricks.logs import read_log
from launch.databricks.pace import Pace
from launch.databricks.portable import portable
from launch.databricks.record import Record, newest, remembered, volume_of
from launch.databricks.statuses import Statuses
from launch.databricks.volume import Volume
from launch.errors import LaunchError, SubmitError, UnknownRun
from launch.node.layout import NodeSpec, require_volume

_log = logging.getLogger(__name__)

VOLUME_VARIABLE = "LAKESIGHT_VOLUME"
"""Environment variable: the folder on a Volume for runs that name none."""

KIND = "databricks"
_ESCALATE_S = 30.0
_FEW = 2


class DatabricksLauncher:
    """A `Launcher` on a Databricks workspace."""

    kind = KIND

    def __init__(
        self,
        client: WorkspaceClient | None = None,
        clock: Clock | None = None,
        code: delivery.Code | None = None,
        log_interval_s: float = 3.0,
    ) -> None:
        """Make a launcher; nothing is asked yet.

        Args:
            client: for runs without a profile; None: made from the environment when needed.
            clock: tells and passes time.
            code: what nodes install; None: the code of this process.
            log_interval_s: how often a node brings its output to the Volume at first, seconds.
        """
        self.clock = clock or SystemClock()
        self._clients = Clients(self.clock, client)
        self._code = code
        self._log_interval_s = log_interval_s
        self._records: dict[str, Record] = {}
        self._statuses = Statuses(self.clock)
        self._pace = Pace(self.clock)
        self._lock = threading.RLock()

    # --- submit ---

    def submit(self, spec: RunSpec) -> RunHandle:
        """Hand a run over; see `Launcher.submit`."""
        try:
            return self._submit(spec)
        except EDGE as error:
            raise SubmitError(
                f"the run could not be handed over: {in_words(error)} Submitting again starts it "
                "once, whatever has arrived."
            ) from error

    def _submit(self, spec: RunSpec) -> RunHandle:
        root = require_volume(spec.compute.get("volume") or os.environ.get(VOLUME_VARIABLE))
        profile = spec.compute.get("profile")
        client = self._clients.get(profile)
        volume = Volume(client)
        known = newest(volume, root, spec.run_id, profile, self.clock.now())
        if known is not None:
            self._keep(known)
            if spec.generation <= known.generation or not self._has_ended(known, spec.folder):
                known.keep(volume, spec.folder)
                return known.handle(spec.folder)
        record = Record(
            root,
            spec.run_id,
            spec.generation,
            self._start(client, volume, spec, root),
            self.clock.now(),
            spec.cancel_grace_s,
            profile,
        )
        # Somebody else may have handed over the same: then it is the same run of the platform.
        first = newest(volume, root, spec.run_id, profile, self.clock.now())
        if first is None or first.generation != record.generation:
            record.keep(volume, spec.folder)
        else:
            record = first
            first.keep(volume, spec.folder)
        self._keep(record)
        return record.handle(spec.folder)

    def _start(self, client: WorkspaceClient, volume: Volume, spec: RunSpec, root: str) -> str:
        """Bring code and files to the Volume, start the run, return the platform's id."""
        spec = portable(spec)
        way = spec.compute.get("way") or "cluster"
        code = self._code or delivery.this_code()
        job = None
        if way == "job":
            job = jobs.find(client, spec.compute.get("job"), spec.num_devices)
        else:
            delivery.deliver(volume, root, code)
        spread = machines(spec)
        node = NodeSpec(
            run=spec,
            volume=root,
            code=code.digest,
            local_dir=str(spec.compute.get("local_dir") or "/local_disk0/lakesight"),
            num_nodes=spread.num_nodes,
            gpus_per_node=spread.gpus_per_node,
            platform_retries=job.max_retries if job else spec.max_retries,
            log_interval_s=self._log_interval_s,
        )
        # The request is made first: what the platform refuses leaves no files behind.
        request = task.submit(client, node, code) if job is None else task.run_now(node, job.job_id)
        self._upload(volume, node)
        waiting = client.jobs.submit(**request) if job is None else client.jobs.run_now(**request)
        return str(waiting.run_id)

    def _upload(self, volume: Volume, node: NodeSpec) -> None:
        folder, generation = node.folder, node.run.generation
        for path in sorted(Path(node.run.folder).glob("*")):
            if path.is_file() and path.suffix in (".yaml", ".json") and path.name[0] != ".":
                volume.write(f"{folder.files(generation)}/{path.name}", path.read_bytes())
        volume.write_json(folder.spec(generation), node.to_dict())

    # --- poll ---

    def poll(self, handles: Iterable[RunHandle]) -> Mapping[str, RunStatus]:
        """Return the status of each run; see `Launcher.poll`."""
        wanted = {handle.run_id: handle for handle in handles}
        found: dict[str, RunStatus] = {}
        asked: list[tuple[RunHandle, Record]] = []
        for handle in wanted.values():
            status, record = self._at_hand(handle)
            if record is not None:
                asked.append((handle, record))
            else:
                found[handle.run_id] = status or self._statuses.last(handle)
        runs = self._active(asked)
        for handle, record in asked:
            found[handle.run_id] = self._ask(record, runs.get(record.external_id))
        return found

    def _at_hand(self, handle: RunHandle) -> tuple[RunStatus | None, Record | None]:
        """Return what is known without asking for the run itself, or what to ask for."""
        if self._pace.is_waiting():
            return self._statuses.last(handle), None
        try:
            record = self._record(handle)
        except UnknownRun as error:
            return RunStatus(RunState.LOST, str(error), handle.external_id), None
        except (LaunchError, *EDGE) as error:
            return self._unanswered(handle, error), None
        final = self._statuses.final(record)
        return (final, None) if final is not None else (None, record)

    def _active(self, asked: list[tuple[RunHandle, Record]]) -> dict[str, Run]:
        """Return the active ones of many runs in few requests: the list has 25 to a page."""
        listed: dict[str, Run] = {}
        for profile in {record.profile for _, record in asked}:
            ids = {record.external_id for _, record in asked if record.profile == profile}
            if len(ids) <= _FEW:
                continue
            try:
                client = self._clients.get(profile)
                for run in client.jobs.list_runs(active_only=True, limit=24):
                    if str(run.run_id) in ids:
                        listed[str(run.run_id)] = Run.from_dict(run.as_dict())
                    if len(listed) == len(ids):
                        break
            except EDGE as error:
                self._pace.failed(error)
        return listed

    def _ask(self, record: Record, listed: Run | None) -> RunStatus:
        if self._pace.is_waiting():
            return self._statuses.last_of(record)
        try:
            client = self._clients.get(record.profile)
            run = listed or self._run(client, record)
            self._pace.answered()
            if run is not None:
                self._escalate(client, record, run)
            return self._statuses.of(client, record, run)
        except (LaunchError, *EDGE) as error:
            self._pace.failed(error)
            _log.warning("run %s can't be asked for now: %s", record.run_id, in_words(error))
            return self._statuses.last_of(record)

    def _run(self, client: WorkspaceClient, record: Record) -> Run | None:
        """Return the platform's run, None if it is gone (they are kept for 60 days)."""
        try:
            return client.jobs.get_run(int(record.external_id))
        except DatabricksError as error:
            if is_missing(error):
                return None
            raise

    def _unanswered(self, handle: RunHandle, error: Exception) -> RunStatus:
        self._pace.failed(error)
        _log.warning("run %s can't be asked for now: %s", handle.run_id, in_words(error))
        return self._statuses.last(handle)

    def _has_ended(self, record: Record, folder: str) -> bool:
        handle = record.handle(folder)
        return self.poll([handle])[handle.run_id].state.is_final

    # --- cancel ---

    def cancel(self, handle: RunHandle) -> None:
        """Ask a run to stop; see `Launcher.cancel`.

        A node that trains sees the wish, saves and ends; one that does not in time is ended by the
        platform, as is a run that has no node yet.
        """
        try:
            record = self._record(handle)
            if self._statuses.final(record) is not None:
                return
            client = self._clients.get(record.profile)
            run = self._run(client, record)
            status = self._statuses.of(client, record, run)
            if status.state.is_final:
                return
            if record.cancel_at is None:
                wish = record.folder.cancel(record.generation)
                Volume(client).write(wish, b"canceled by a person\n")
                record = replace(record, cancel_at=self.clock.now())
                self._keep(record)
            if status.state is not RunState.RUNNING:
                client.jobs.cancel_run(int(record.external_id))
        except EDGE as error:
            raise LaunchError(f"the run could not be canceled: {in_words(error)}") from error

    def _escalate(self, client: WorkspaceClient, record: Record, run: Run) -> None:
        """End a run that was asked to stop and has not in time."""
        if record.cancel_at is None or (states.state_of(run) or RunState.RUNNING).is_final:
            return
        late = self.clock.now() > record.cancel_at + record.cancel_grace_s + _ESCALATE_S
        if late or states.state_of(run) is not RunState.RUNNING:
            client.jobs.cancel_run(int(record.external_id))

    # --- logs ---

    def logs(self, handle: RunHandle, cursor: int = 0) -> tuple[str, int]:
        """Return what a run wrote after a cursor; see `Launcher.logs`."""
        try:
            record = self._record(handle)
            volume = Volume(self._clients.get(record.profile))
            return read_log(volume, record.folder.logs, cursor)
        except EDGE as error:
            raise LaunchError(f"the log can't be read: {in_words(error)}") from error

    # --- records ---

    def _keep(self, record: Record) -> None:
        with self._lock:
            self._records[record.run_id] = record

    def _record(self, handle: RunHandle) -> Record:
        """Return the last submission of a run: from memory, its folder, or the platform.

        Raises:
            UnknownRun: nothing is known of it.
            DatabricksError: the workspace does not answer.
        """
        with self._lock:
            known = self._records.get(handle.run_id)
        if known is not None and not self._is_newer(handle, known):
            return known
        kept = remembered(handle.folder)
        profile = kept.get("profile")
        client = self._clients.get(profile)
        root = kept.get("volume") or self._volume_of(client, handle)
        record = None
        if root:
            record = newest(Volume(client), root, handle.run_id, profile, self.clock.now())
        if record is None:
            raise UnknownRun(
                f"the workspace knows nothing of run {handle.run_id!r} (its run "
                f"{handle.external_id or 'without a number'})."
            )
        self._keep(record)
        return record

    def _is_newer(self, handle: RunHandle, known: Record) -> bool:
        """Whether a handle may be of a later submission, by another process, than is known."""
        if handle.external_id in ("", known.external_id):
            return False
        final = self._statuses.final(known)
        return final is not None and handle.external_id not in self._statuses.former(known)

    def _volume_of(self, client: WorkspaceClient, handle: RunHandle) -> str | None:
        default = os.environ.get(VOLUME_VARIABLE)
        if not handle.external_id.isdigit():
            return default
        try:
            run = client.jobs.get_run(int(handle.external_id))
        except DatabricksError as error:
            if is_missing(error):
                return default
            raise
        return volume_of(run, handle.run_id) or default
