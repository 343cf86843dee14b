"""Reads a run's curves from MLflow step by step: what the app polls. Torch-free."""

from __future__ import annotations

from typing import Any, Protocol

from cvcore.metrics.record import MetricPoint

Cursor = dict[str, list[int]]
"""Metric -> [points read, step and timestamp of the newest one]; JSON-able."""


class MetricStream(Protocol):
    """A source of points that is asked again and again."""

    def read(self, cursor: Cursor | None = None) -> tuple[list[MetricPoint], Cursor]:
        """Return the points after a cursor, in time order, and the cursor after them."""
        ...


class MlflowStream:
    """The points of one MLflow run.

    A read costs one request, and one more for each metric that has something new.
    """

    def __init__(self, uri: str, run_id: str) -> None:
        """Bind a run; nothing is asked yet."""
        from mlflow import MlflowClient

        self.client = MlflowClient(uri)
        self.run_id = run_id

    def read(self, cursor: Cursor | None = None) -> tuple[list[MetricPoint], Cursor]:
        """Return the points after a cursor, in time order, and the cursor after them.

        Raises:
            MlflowException: no such run, or the server can't be reached.
        """
        after: Cursor = dict(cursor or {})
        latest: Any = self.client.get_run(self.run_id).data._metric_objs
        points: list[MetricPoint] = []
        for metric in latest:
            count, step, stamp = after.get(metric.key, [0, -1, -1])
            if (metric.step, metric.timestamp) == (step, stamp):
                continue
            history = self.client.get_metric_history(self.run_id, metric.key)
            history.sort(key=lambda m: (m.timestamp, m.step))
            points += [MetricPoint(m.key, m.value, m.step, m.timestamp) for m in history[count:]]
            after[metric.key] = [len(history), history[-1].step, history[-1].timestamp]
        points.sort(key=lambda p: (p.timestamp_ms, p.key))
        return points, after
