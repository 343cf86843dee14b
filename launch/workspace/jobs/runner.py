"""The machine room: one thread that moves every active run on."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from launch.workspace.jobs import machine, process
from launch.workspace.jobs.new_run import add_attempt, latest
from launch.workspace.jobs.status import Doc, enter, finish, is_final, life, now_ms, succeeded

if TYPE_CHECKING:
    from launch.workspace.core import Workspace

_log = logging.getLogger(__name__)


class Runner:
    """Executes runs; all it knows is in the store, so a new one goes on where an old one ended."""

    def __init__(self, ws: Workspace) -> None:
        """Take up the runs that have not ended."""
        self._ws = ws
        self._active = {r["run_id"] for r in ws.store.all("run") if not is_final(r)}
        self._wake = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._loop, name="fake-workspace-runner")
        self._thread.daemon = True

    def begin(self) -> None:
        """Start the thread; the host's address must be known by now."""
        self._thread.start()

    def add(self, run: Doc) -> None:
        """Store a new or repaired run and start it when its turn comes."""
        self._ws.store.put("run", run["run_id"], run)
        self._active.add(run["run_id"])
        self._wake.set()

    def cancel(self, run: Doc) -> None:
        """Ask for the end of a run; the thread carries it out."""
        run["_cancel"] = True
        self._ws.store.put("run", run["run_id"], run)
        self._wake.set()

    def evict(self, run_id: int) -> list[str]:
        """Take away the machines of this run's running tasks; returns their keys."""
        with self._ws.store.lock:
            run = self._ws.store.get("run", run_id) or {"tasks": []}
            hit = [task for task in run["tasks"] if life(task) == "RUNNING"]
            for task in hit:
                machine.evict(self._ws, task)
            if hit:
                self._ws.store.put("run", run_id, run)
        return [task["task_key"] for task in hit]

    def stop(self, keep_tasks: bool) -> None:
        """End the thread, and the tasks' processes unless they shall go on without a server."""
        self._stopping = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()
        if keep_tasks:
            return
        with self._ws.store.lock:
            for run_id in self._active:
                for task in (self._ws.store.get("run", run_id) or {"tasks": []})["tasks"]:
                    if task.get("_pid") and not is_final(task):
                        process.kill(task["_pid"], machine.mark_of(self._ws, task))

    def _loop(self) -> None:
        while not self._stopping:
            self._wake.clear()
            # Looked at after the clear: a stop in between has set both, and must not be slept over.
            if self._stopping:
                return
            with self._ws.store.lock:
                active = sorted(self._active)
            for run_id in active:
                if self._stopping:
                    return
                try:
                    self._step(run_id)
                except Exception:  # noqa: BLE001 (the edge: a broken run must not stop others)
                    _log.exception("run %s", run_id)
                    self._active.discard(run_id)
            self._wake.wait(self._ws.timing.poll_s if self._active else None)

    def _step(self, run_id: int) -> None:
        with self._ws.store.lock:
            run = self._ws.store.get("run", run_id)
            if run is None or is_final(run):
                self._active.discard(run_id)
                return
            before = repr(run)
            if life(run) != "QUEUED" or run.get("_cancel") or self._has_room(run):
                self._advance(run)
            if repr(run) != before:
                self._ws.store.put("run", run_id, run)

    def _has_room(self, run: Doc) -> bool:
        room = has_room(self._ws, run)
        if room:
            run["queue_duration"] = now_ms() - run["start_time"]
            enter(run, "PENDING")
        return room

    def _advance(self, run: Doc) -> None:
        ws = self._ws
        limit_ms = 1000 * run["_timeout_s"]
        started = run.get("_running_at")
        late = bool(limit_ms and started and now_ms() - started > limit_ms)
        for task in latest(run):
            if run.get("_cancel"):
                machine.stop(ws, task, "CANCELED", "USER_CANCELED", "Run cancelled.")
            elif late:
                seconds = run["_timeout_s"]
                text = f"The run ran longer than {seconds} seconds."
                machine.stop(ws, task, "TIMEDOUT", "CANCELED", text)
            if not is_final(task):
                machine.step(ws, run, task)
            if is_final(task) and not run.get("_cancel") and not late:
                self._retry(run, task)
        tasks = latest(run)
        states = {life(task) for task in tasks}
        if all(is_final(task) for task in tasks):
            self._finish(run)
        elif "TERMINATING" in states and (run.get("_cancel") or late):
            enter(run, "TERMINATING", "Run is being cancelled")
        elif "RUNNING" in states and life(run) == "PENDING":
            run["_running_at"] = now_ms()
            enter(run, "RUNNING", "In run")

    def _retry(self, run: Doc, task: Doc) -> None:
        again = task.get("max_retries") or 0
        result = task["state"].get("result_state")
        timed_out = result == "TIMEDOUT" and task.get("retry_on_timeout")
        left = again < 0 or task["attempt_number"] < again + task.get("_attempts_before", 0)
        if left and (result == "FAILED" or timed_out):
            wait_s = (task.get("min_retry_interval_millis") or 0) / 1000
            add_attempt(self._ws, run, task, task["attempt_number"] + 1, wait_s)

    def _finish(self, run: Doc) -> None:
        tasks = latest(run)
        upstream = {u["task_key"] for task in tasks for u in task.get("depends_on") or []}
        leaves = [task for task in tasks if task["task_key"] not in upstream]
        results = {task["state"].get("result_state") for task in tasks}
        bad = [task for task in tasks if not succeeded(task) and life(task) != "SKIPPED"]
        for cluster_id in (run.get("_clusters") or {}).values():
            self._close(cluster_id)
        if not bad and all(succeeded(task) for task in leaves):
            finish(run, "TERMINATED", "SUCCESS", "SUCCESS")
        elif all(succeeded(task) for task in leaves):
            finish(run, "TERMINATED", "SUCCESS_WITH_FAILURES", "SUCCESS_WITH_FAILURES")
        elif run.get("_cancel") and "CANCELED" in results:
            text = "Run cancelled."
            finish(run, "TERMINATED", "CANCELED", "USER_CANCELED", "CLIENT_ERROR", text)
        elif "TIMEDOUT" in results:
            text = "The run timed out."
            finish(run, "TERMINATED", "TIMEDOUT", "CANCELED", "CLIENT_ERROR", text)
        else:
            first = bad[0] if bad else leaves[0]
            details = first["status"]["termination_details"]
            text = f"Task {first['task_key']} failed with message: {details['message']}"
            finish(run, life(first), "FAILED", details["code"], details["type"], text)
        if history := run.get("repair_history"):
            history[-1] |= {
                "state": run["state"],
                "status": run["status"],
                "end_time": run["end_time"],
            }

    def _close(self, cluster_id: str) -> None:
        cluster = self._ws.store.get("cluster", cluster_id)
        if cluster and cluster["state"] == "RUNNING":
            cluster |= {"state": "TERMINATED", "terminated_time": now_ms()}
            cluster["termination_reason"] = {"code": "JOB_FINISHED", "type": "SUCCESS"}
            self._ws.store.put("cluster", cluster_id, cluster)


def has_room(ws: Workspace, run: Doc) -> bool:
    """Whether the job's limit of concurrent runs leaves room for this one; earlier runs first."""
    job = ws.store.get("job", run["job_id"])
    limit = ((job or {}).get("settings") or {}).get("max_concurrent_runs") or 1
    if run["run_type"] != "JOB_RUN":
        return True
    ahead = [
        other
        for other in ws.store.all("run")
        if other["job_id"] == run["job_id"] and other["run_id"] < run["run_id"]
    ]
    return sum(not is_final(other) for other in ahead) < limit
