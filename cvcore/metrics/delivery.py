"""Brings spooled entries to MLflow in order, none lost or doubled. Torch-free; imports MLflow.

Kinds of entries:
    metric    key, value, step, t (ms)
    params    values {key: text}; keys the run already has are left as they are
    tags      values {key: text}
    artifact  path (relative to the run's folder), to (folder in the artifacts)
    dataset   name, digest, source
    status    status (FINISHED, FAILED, KILLED)

MLflow's SQL stores ignore a point they already have; file and other stores need not. So whenever it
is unknown whether a batch arrived (a lost answer, a killed process) the server is asked first.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from cvcore.metrics.spool import Entry, Spool

BATCH = 500
# A training never waits for the server: its thread retries, so MLflow itself need not for minutes.
_HTTP = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "20"}


class Delivery:
    """Delivers one run's spool; `step` does one batch and raises what MLflow raises."""

    def __init__(self, run_dir: Path, uri: str, run_id: str) -> None:
        """Prepare; the server is not asked yet.

        Args:
            run_dir: the run's folder.
            uri: MLflow tracking URI.
            run_id: of the run that the entries belong to.
        """
        for key, value in _HTTP.items():
            os.environ.setdefault(key, value)
        from mlflow import MlflowClient

        self.run_dir = run_dir
        self.spool = Spool(run_dir)
        self.run_id = run_id
        self.client = MlflowClient(uri)
        self._unsure = self.spool.num_pending() > 0

    def step(self) -> int:
        """Deliver the next entries; return how many, 0 when the server has everything.

        Raises:
            MlflowException: the server did not take them (or its answer was lost).
        """
        entries, ends = self.spool.pending(BATCH)
        if not entries:
            return 0
        if entries[0]["kind"] == "metric":
            count = next((i for i, e in enumerate(entries) if e["kind"] != "metric"), len(entries))
        else:
            count = 1
        unsure, self._unsure = self._unsure, True
        if entries[0]["kind"] == "metric":
            self._metrics(entries[:count], unsure)
        else:
            self._other(entries[0])
        self._unsure = False
        self.spool.acknowledge(ends[count - 1])
        return count

    def _metrics(self, entries: list[Entry], unsure: bool) -> None:
        from mlflow.entities import Metric

        if unsure:
            keys = {e["key"] for e in entries}
            known = {key: self._known(key) for key in keys}
            entries = [e for e in entries if (e["step"], e["t"]) not in known[e["key"]]]
        if entries:
            points = [Metric(e["key"], e["value"], e["t"], e["step"]) for e in entries]
            self.client.log_batch(self.run_id, metrics=points)

    def _known(self, key: str) -> set[tuple[int, int]]:
        return {(m.step, m.timestamp) for m in self.client.get_metric_history(self.run_id, key)}

    def _other(self, entry: Entry) -> None:
        kind = entry["kind"]
        if kind == "params":
            self._params(entry["values"])
        elif kind == "tags":
            self._tags(entry["values"])
        elif kind == "artifact":
            path = self.run_dir / entry["path"]
            if path.is_file():
                self.client.log_artifact(self.run_id, str(path), entry["to"])
            elif path.is_dir():
                self.client.log_artifacts(self.run_id, str(path), entry["to"])
        elif kind == "dataset":
            self._dataset(entry)
        elif kind == "status":
            self.client.set_terminated(self.run_id, entry["status"])

    def _params(self, values: dict[str, str]) -> None:
        from mlflow.entities import Param

        known = self.client.get_run(self.run_id).data.params
        new = [Param(key, value) for key, value in values.items() if key not in known]
        for start in range(0, len(new), 100):
            self.client.log_batch(self.run_id, params=new[start : start + 100])

    def _tags(self, values: dict[str, str]) -> None:
        from mlflow.entities import RunTag

        self.client.log_batch(self.run_id, tags=[RunTag(k, v[:5000]) for k, v in values.items()])

    def _dataset(self, entry: Entry) -> None:
        from mlflow.entities import Dataset, DatasetInput, InputTag

        inputs = self.client.get_run(self.run_id).inputs.dataset_inputs
        if any(i.dataset.digest == entry["digest"] for i in inputs):
            return
        dataset = Dataset(entry["name"], entry["digest"], "lakesight", entry["source"])
        tag = InputTag("mlflow.data.context", "training")
        self.client.log_inputs(self.run_id, [DatasetInput(dataset, [tag])])

    def steps_known(self) -> dict[str, int]:
        """Return the largest step of each metric that the server has."""
        latest: Any = self.client.get_run(self.run_id).data._metric_objs
        return {m.key: m.step for m in latest}


def deliver(run_dir: Path, uri: str, run_id: str) -> int:
    """Deliver what a run's folder still holds for the server; return the number of entries.

    Raises:
        MlflowException: the server can't be reached; what was delivered stays delivered.
    """
    delivery = Delivery(run_dir, uri, run_id)
    total = 0
    while count := delivery.step():
        total += count
    return total
