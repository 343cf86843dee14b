"""Reads a run's curves from MLflow step by step: what the app polls. Torch-free.

One point costs one request, however long its curve is: `after` asks for the steps from the last one
on. The route behind it is younger than others (a server may not have it): then whole histories are
read, page by page, which every server can do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvcore.metrics.record import MetricPoint

MOST = 2_500
"""Points that the interval route gives in one answer; of more it leaves some out, evenly."""

PAGE = 10_000
_LAST_STEP = 2**31 - 1
_ROUTE = "/api/2.0/mlflow/metrics/get-history-bulk-interval"
_NO_SUCH_ROUTE = (404, 405, 501)


@dataclass(frozen=True, slots=True)
class Points:
    """Points of one curve, by step, then by time.

    Attributes:
        steps: int64 [N].
        values: float64 [N]; may be NaN or infinite.
        times_ms: int64 [N], milliseconds since the epoch.
    """

    steps: NDArray[np.int64]
    values: NDArray[np.float64]
    times_ms: NDArray[np.int64]

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.steps)

    @classmethod
    def of(cls, triples: Iterable[tuple[int, float, int]]) -> Points:
        """Return the points of (step, value, time in ms)."""
        found = sorted(triples, key=lambda one: (one[0], one[2]))
        return cls(
            np.array([one[0] for one in found], np.int64),
            np.array([one[1] for one in found], np.float64),
            np.array([one[2] for one in found], np.int64),
        )


class MetricReader:
    """Reads the curves of one tracking server. Thread-safe.

    Attributes:
        has_intervals: whether the server gives steps from one on; None: not asked yet.
    """

    def __init__(self, client: Any) -> None:
        """Take the MLflow client; nothing is asked yet."""
        self.client = client
        self.has_intervals: bool | None = None
        self._store = client._tracking_client.store

    def newest(self, run_id: str) -> dict[str, MetricPoint]:
        """Return the newest point of each metric: one request, whatever the run has.

        Raises:
            MlflowException: no such run, or the server can't be reached.
        """
        found: Any = self.client.get_run(run_id).data._metric_objs
        return {m.key: MetricPoint(m.key, m.value, m.step, m.timestamp) for m in found}

    def after(self, run_id: str, key: str, step: int) -> Points:
        """Return the points from a step on, with it: it may have been logged again.

        Raises:
            MlflowException: no such run, or the server can't be reached.
        """
        points = self.interval(run_id, key, step, _LAST_STEP)
        if points is not None and len(points) < MOST:
            return points
        whole = self.whole(run_id, key)
        start = int(np.searchsorted(whole.steps, step))
        return Points(whole.steps[start:], whole.values[start:], whole.times_ms[start:])

    def interval(
        self, run_id: str, key: str, first: int | None = None, last: int | None = None
    ) -> Points | None:
        """Return the points of steps `first` to `last`, None where the server can't.

        If there are `MOST`, some between them may be missing.

        Args:
            run_id: of the run.
            key: of the metric.
            first: step; None, with `last`: all of them.
            last: step.

        Raises:
            MlflowException: no such run, or the server can't be reached.
        """
        if self.has_intervals is False or (last is not None and last > _LAST_STEP):
            return None
        if first is not None and not -_LAST_STEP <= first <= _LAST_STEP:
            return None
        if hasattr(self._store, "get_host_creds"):
            points = self._asked(run_id, key, first, last)
        elif hasattr(self._store, "get_metric_history_bulk_interval"):
            points = self._stored(run_id, key, first, last)
        else:
            points = None
        self.has_intervals = points is not None
        return points

    def whole(self, run_id: str, key: str) -> Points:
        """Return all points.

        Raises:
            MlflowException: no such run, or the server can't be reached.
        """
        return joined(list(self.pages(run_id, key)))

    def pages(self, run_id: str, key: str) -> Iterator[Points]:
        """Give all points in parts, in the order they were logged in.

        Raises:
            MlflowException: no such run, or the server can't be reached.
        """
        token = None
        while True:
            found = self._store.get_metric_history(run_id, key, max_results=PAGE, page_token=token)
            yield Points.of((m.step, m.value, m.timestamp) for m in found)
            token = getattr(found, "token", None)
            if not token:
                return

    def _stored(self, run_id: str, key: str, first: int | None, last: int | None) -> Points:
        found = self._store.get_metric_history_bulk_interval([run_id], key, MOST, first, last)
        return Points.of((m.step, m.value, m.timestamp) for m in found)

    def _asked(self, run_id: str, key: str, first: int | None, last: int | None) -> Points | None:
        # MLflow's client has no method for this route.
        from mlflow.utils.rest_utils import http_request, verify_rest_response

        values: dict[str, Any] = {"run_ids": run_id, "metric_key": key, "max_results": MOST}
        if first is not None:
            values |= {"start_step": first, "end_step": last}
        answer = http_request(
            host_creds=self._store.get_host_creds(), endpoint=_ROUTE, method="GET", params=values
        )
        if answer.status_code in _NO_SUCH_ROUTE and "RESOURCE_DOES_NOT_EXIST" not in answer.text:
            return None
        found = verify_rest_response(answer, _ROUTE).json().get("metrics", [])
        # Protocol buffers leave zeros out, and write NaN as a text.
        return Points.of(
            (int(m.get("step", 0)), float(m.get("value", 0)), int(m.get("timestamp", 0)))
            for m in found
        )


def joined(parts: list[Points]) -> Points:
    """Return points in one piece, in order."""
    if not parts:
        return Points.of(())
    steps = np.concatenate([part.steps for part in parts])
    times_ms = np.concatenate([part.times_ms for part in parts])
    order = np.lexsort((times_ms, steps))
    values = np.concatenate([part.values for part in parts])
    return Points(steps[order], values[order], times_ms[order])
