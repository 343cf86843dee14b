"""What all sessions share: the ledger, short-lived reads of it, the hub. Blocking: call it in threads.

Nothing here is reactive: a session that subscribed to an object of the process would never be freed.
Sessions ask again and again; reads within two seconds of each other are one.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

from cvcore.metrics.stream import MetricReader
from launch.ledger import Ledger
from launch.ledger_run import LedgerRun
from launch.watch import Watch
from panel_app.artifacts import Artifacts
from panel_app.background.hub import Hub
from panel_app.background.older import NEWEST, Older
from panel_app.media import Answer, Media
from panel_app.roots import Roots
from panel_app.rows import Details, Row, row
from panel_app.selection import Selection, chosen, to_csv
from panel_app.tracking import Tracking

_FRESH_S = 2.0
_SHARE = 4
"""Rows are read at most a fourth of the time: a ledger of thousands of runs takes seconds to read."""


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
        self.media = media
        self.roots = roots or Roots.of()
        self.ledger = Ledger(self.tracking.uri, self.tracking.via)
        self.artifacts = Artifacts(self.ledger, media)
        media.register("runs_csv", self._csv)
        self._reader: MetricReader | None = None
        self.hub = Hub(self.reader, self.details)
        self._lock = threading.Lock()
        self._rows: list[Row] | None = None
        self._older = Older(self._pages)
        self._stale_at = float("-inf")

    def reader(self) -> MetricReader:
        """Return what reads metrics; another one when the tracking server has moved.

        Raises:
            LakesightError: the ledger can't be opened.
        """
        client, known = self.ledger.client, self._reader
        if known is None or known.client is not client:
            known = self._reader = MetricReader(client)
        return known

    def rows(self) -> list[Row]:
        """Return all runs, newest first; the newest thousand are at most some seconds old, others minutes.

        Raises:
            LaunchError: the tracking server does not answer.
        """
        with self._lock:
            if self._rows is None or time.monotonic() >= self._stale_at:
                start = time.monotonic()
                self._rows = self._read_rows()
                end = time.monotonic()
                self._stale_at = end + max(_FRESH_S, _SHARE * (end - start))
            return self._rows

    def rows_now(self) -> list[Row] | None:
        """Return the runs as they were last read, None if they never were; never blocks."""
        return self._rows

    def renew_rows(self) -> None:
        """Have the next `rows` read again: something was done to a run."""
        self._stale_at = float("-inf")
        self._older.renew()

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
            if status.state.is_final and not run.is_settled:
                # What it logged last may have come after it was read.
                run = self.ledger.get(run_id)
        return Details(row(run, status, time.time()), run, status)

    def mlflow_url(self, run: LedgerRun) -> str:
        """Return the address of a run's page in MLflow, "" where there is none (yet)."""
        pages = self.tracking.pages()
        return f"{pages}/experiments/{run.experiment_id}/runs/{run.run_id}" if pages else ""

    def _csv(self, values: Mapping[str, Any]) -> Answer:
        found = chosen(self.rows(), Selection.of(values))
        return Answer(to_csv(found).encode(), "text/csv; charset=utf-8", "lakesight-runs.csv")

    def _read_rows(self) -> list[Row]:
        return self._older.joined(self._shown(self.ledger.runs(limit=NEWEST, submitted=False)))

    def _pages(self) -> Iterator[list[Row]]:
        return (self._shown(page) for page in self.ledger.pages(submitted=False))

    def _shown(self, runs: list[LedgerRun]) -> list[Row]:
        told = Watch(self.ledger).look([run for run in runs if run.is_submitted])
        now_s = time.time()
        return [row(run, told.get(run.run_id, run.status), now_s) for run in runs]
