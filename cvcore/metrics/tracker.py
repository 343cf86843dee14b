"""Writes a run's metrics and artifacts through the spool, from a thread: training never waits.

Torch-free; imports MLflow when a run is opened.
"""

from __future__ import annotations

import logging
import math
import os
import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from cvcore.metrics import server
from cvcore.metrics.delivery import SPOOL_ONLY, Delivery, Elsewhere
from cvcore.metrics.names import clean
from cvcore.metrics.record import MetricPoint
from cvcore.metrics.spool import Entry

log = logging.getLogger(__name__)

_IDLE_S = 1.0
_LONGEST_PAUSE_S = 30.0


class Tracker:
    """The one writer of a run's metrics; only the first process of a training has one.

    A resumed training computes again what was logged after its checkpoint; it comes out the same, so
    a point whose step is not beyond the last one of its key is left out: no curve goes back.
    """

    def __init__(self, run_dir: Path, uri: str, run_id: str) -> None:
        """Open the spool and start delivering.

        Args:
            run_dir: the run's folder; paths of artifacts are relative to it.
            uri: MLflow tracking URI.
            run_id: an existing MLflow run.
        """
        self.run_dir = run_dir
        self.run_id = run_id
        self.uri = uri
        self._delivery = (
            Elsewhere(run_dir) if os.environ.get(SPOOL_ONLY) else Delivery(run_dir, uri, run_id)
        )
        self.spool = self._delivery.spool
        self._reachable = True
        self._last_step = self._steps()
        self._held: list[Entry] = []
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._deliver, name="tracking", daemon=True)
        # After what an earlier process may still have to say: that the run was killed.
        self._add({"kind": "status", "status": "RUNNING"})
        self._thread.start()

    def _steps(self) -> dict[str, int]:
        steps: dict[str, int] = {}
        for entry in self.spool.everything():
            if entry["kind"] == "metric":
                steps[entry["key"]] = max(steps.get(entry["key"], -1), entry["step"])
        if steps and self.spool.cursor.exists():
            return steps
        # A run continued on another machine has no spool, or one of its last checkpoint: the
        # server may know more. It got everything in order, so it lacks only what is later.
        try:
            known = self._delivery.steps_known()
            self._delivery.steps_before = known if steps else {}
            return {key: max(steps.get(key, -1), known.get(key, -1)) for key in steps | known}
        except Exception:  # noqa: BLE001 (an edge: any kind of server; the thread says it)
            self._delivery.steps_before = None
            return steps

    def log(self, values: Mapping[str, float], step: int) -> None:
        """Add points of now; keys are made valid, steps not beyond a key's last are left out."""
        now = time.time_ns() // 1_000_000
        self.points(MetricPoint(clean(k), float(v), step, now) for k, v in values.items())

    def points(self, points: Iterable[MetricPoint]) -> None:
        """Add points; may be called from any thread. One that is not finite is left out."""
        with self._lock:
            new: list[Entry] = []
            for p in points:
                if not math.isfinite(p.value) or p.step <= self._last_step.get(p.key, -1):
                    continue
                self._last_step[p.key] = p.step
                fields = {"key": p.key, "value": p.value, "step": p.step, "t": p.timestamp_ms}
                new.append({"kind": "metric", **fields})
            self._append(new)

    def last_step(self, key: str) -> int:
        """Return the last step of a metric, -1 before its first."""
        return self._last_step.get(key, -1)

    def params(self, values: Mapping[str, str]) -> None:
        """Add parameters; those the run already has stay as they are."""
        self._add({"kind": "params", "values": dict(values)})

    def tags(self, values: Mapping[str, str]) -> None:
        """Set tags."""
        self._add({"kind": "tags", "values": dict(values)})

    def artifact(self, path: Path, folder: str = "") -> None:
        """Upload a file (or what a folder holds) of the run's folder into an artifact folder."""
        relative = path.resolve().relative_to(self.run_dir.resolve())
        self._add({"kind": "artifact", "path": str(relative), "to": folder})

    def dataset(self, title: str, digest: str, source: str) -> None:
        """Record the data set as the run's input; digest: at most 36 characters."""
        self._add({"kind": "dataset", "name": title, "digest": digest[:36], "source": source})

    def model(self, folder: Path, register_as: str | None) -> None:
        """Log a model of the run's folder when the server takes it."""
        relative = folder.resolve().relative_to(self.run_dir.resolve())
        self._add({"kind": "model", "path": str(relative), "register_as": register_as})

    def finish(self, status: str, wait_s: float = 30.0) -> bool:
        """Set the run's status, deliver what is left; False when the server did not take all.

        Args:
            status: FINISHED, FAILED or KILLED.
            wait_s: how long to wait for a server that takes nothing, seconds; as long as something
                arrives the wait goes on.
        """
        self._add({"kind": "status", "status": status})
        for entry in self._delivery.refused():
            self._add(entry)
        self._closing.set()
        self._wake.set()
        arrived, until = self.spool.acknowledged(), time.monotonic() + wait_s
        while self._thread.is_alive() and time.monotonic() < until:
            self._thread.join(0.1)
            if self.spool.acknowledged() != arrived:
                arrived, until = self.spool.acknowledged(), time.monotonic() + wait_s
        if isinstance(self._delivery, Elsewhere):
            return not self._held
        left = self.spool.num_pending() + len(self._held)
        if left:
            log.warning(
                "%d entries could not be delivered to %s within %.0f s; they are kept in %s and "
                "delivered when this run is resumed.",
                left,
                server.without_password(self.uri),
                wait_s,
                self.spool.folder,
            )
        return left == 0 and self._delivery.num_refused == 0

    def _add(self, entry: Entry) -> None:
        with self._lock:
            self._append([entry])

    def _append(self, new: list[Entry]) -> None:
        self._held += new
        if not self._held:
            return
        try:
            self.spool.append(self._held)
        except OSError as error:
            if len(self._held) == len(new):
                log.warning("metrics are held in memory: %s can't be written (%s)", *_why(error))
            return
        self._held = []
        self._wake.set()

    def _deliver(self) -> None:
        pause_s = _IDLE_S
        while True:
            # Looked at before the spool is emptied: what is added last must not be missed.
            closing = self._closing.is_set()
            try:
                while self._delivery.step():
                    pause_s = _IDLE_S
                    if not self._reachable:
                        log.info(
                            "the tracking server %s answers again",
                            server.without_password(self.uri),
                        )
                    self._reachable = True
                if closing:
                    self._deliver_held()
                    return
                self._wake.wait(_IDLE_S)
                self._wake.clear()
                # Points of one moment travel together.
                self._closing.wait(0.2)
            except Exception as error:  # noqa: BLE001 (an edge: no fault of a server may end a training)
                if self._reachable:
                    log.warning(
                        "the tracking server %s does not take metrics (%s); training goes on, they "
                        "are kept in %s and delivered later.",
                        server.without_password(self.uri),
                        server.in_words(error),
                        self.spool.folder,
                    )
                self._reachable = False
                if closing:
                    time.sleep(_IDLE_S)
                else:
                    self._closing.wait(pause_s)
                pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)

    def _deliver_held(self) -> None:
        """Deliver what a full disk did not take, above all how the run ended."""
        with self._lock:
            held = list(self._held)
        self._delivery.directly(held)
        with self._lock:
            self._held = self._held[len(held) :]


def _why(error: OSError) -> tuple[str, str]:
    return str(error.filename), error.strerror or str(error)


def finite(values: Mapping[str, float]) -> dict[str, float]:
    """Return the values that are numbers; a metric that is undefined (NaN) has no point."""
    return {key: value for key, value in values.items() if math.isfinite(value)}
