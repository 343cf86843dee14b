"""What all sessions share: the ledger and short-lived reads of it. Blocking: call it in threads.

Nothing here is reactive: a session that subscribed to an object of the process would never be freed.
Sessions ask again and again; reads within two seconds of each other are one.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from cvcore.metrics.record import MetricPoint
from cvcore.metrics.stream import Cursor, MlflowStream
from launch.ledger import Ledger, LedgerRun
from launch.watch import Watch
from panel_app.media import Media
from panel_app.roots import Roots
from panel_app.rows import Row, row
from panel_app.tracking import Tracking

_FRESH_S = 2.0


@dataclass(frozen=True)
class Details:
    """A run as its page shows it."""

    row: Row
    run: LedgerRun


class Services:
    """The shared services of one app process. Thread-safe.

    Example:
        >>> Services("sqlite:///mlruns.db", Media("secret")).rows()  # doctest: +SKIP
    """

    def __init__(self, tracking: Tracking | str, media: Media, roots: Roots | None = None) -> None:
        """Take what there is; the ledger is opened when it is first asked for.

        Args:
            tracking: where the ledger is; as a text: an address of MLflow.
            media: makes addresses of pictures and files.
            roots: folders that pages may look into; None: of one's own machine.

        Raises:
            ConfigError: the text is no address of a tracking server.
        """
        self.tracking = Tracking(tracking) if isinstance(tracking, str) else tracking
        self.ledger = Ledger(self.tracking.uri, self.tracking.via)
        self.media = media
        self.roots = roots or Roots.of()
        self._lock = threading.Lock()
        self._rows: list[Row] = []
        self._read_at = float("-inf")

    def rows(self) -> list[Row]:
        """Return all runs, newest first, at most two seconds old.

        Raises:
            LaunchError: the tracking server does not answer.
        """
        with self._lock:
            if time.monotonic() - self._read_at > _FRESH_S:
                self._rows = self._read_rows()
                self._read_at = time.monotonic()
            return self._rows

    def details(self, run_id: str) -> Details:
        """Return a run.

        Raises:
            UnknownRun: it is not in the ledger.
            LaunchError: the tracking server does not answer.
        """
        run = self.ledger.get(run_id)
        status = run.status
        if run.is_submitted and not run.is_sweep:
            status = Watch(self.ledger).look([run])[run.run_id]
        return Details(row(run, status, time.time()), run)

    def points(self, run_id: str, cursor: Cursor | None) -> tuple[list[MetricPoint], Cursor]:
        """Return a run's metric points after a cursor, and the cursor after them."""
        return MlflowStream(self.tracking.via(), run_id).read(cursor)

    def _read_rows(self) -> list[Row]:
        runs = self.ledger.runs(submitted=False)
        told = Watch(self.ledger).look([run for run in runs if run.is_submitted])
        now_s = time.time()
        return [row(run, told.get(run.run_id, run.status), now_s) for run in runs]
