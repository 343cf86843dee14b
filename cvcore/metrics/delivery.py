"""Brings spooled entries to MLflow in order, none lost or doubled. Torch-free; imports MLflow.

Kinds of entries:
    metric    key, value, step, t (ms)
    params    values {key: text}; keys the run already has are left as they are
    tags      values {key: text}
    artifact  path (relative to the run's folder), to (folder in the artifacts)
    dataset   name, digest, source
    model     path (relative to the run's folder), register_as (or null)
    status    status (RUNNING, FINISHED, FAILED, KILLED)

MLflow's SQL stores ignore a point they already have; file and other stores need not. So whenever it
is unknown whether a batch arrived (a lost answer, a killed process) the server is asked first.

What a server that answers does not take (an artifact store without credentials ...) is put aside in
`spool/refused.jsonl`, so that the metrics behind it arrive; it is tried again at the end of the run.
"""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from cvcore.metrics import server
from cvcore.metrics.spool import Entry, Spool

log = logging.getLogger(__name__)

BATCH = 500
SPOOL_ONLY = "LAKESIGHT_SPOOL_ONLY"
"""Environment variable: if set, the process that started this one delivers its spool."""
REFUSED = "refused.jsonl"
_TRIES = 3
_MAY_BE_REFUSED = ("artifact", "params", "tags", "dataset", "model")


class Delivery:
    """Delivers one run's spool; `step` does one batch and raises what MLflow raises."""

    def __init__(self, run_dir: Path, uri: str, run_id: str) -> None:
        """Prepare; the server is not asked yet.

        Args:
            run_dir: the run's folder.
            uri: MLflow tracking URI.
            run_id: of the run that the entries belong to.
        """
        self.run_dir = run_dir
        self.spool = Spool(run_dir)
        self.uri = uri
        self.run_id = run_id
        self.client = server.client(uri)
        self.num_refused = 0
        self.steps_before: dict[str, int] | None = {}
        """Last step of each metric that is not this folder's; None: to be asked for."""
        self._unsure = False
        # What an earlier process wrote may have arrived without its knowing.
        self._unsure_until = self.spool.entries.stat().st_size
        self._failures = 0

    def step(self) -> int:
        """Deliver the next entries; return how many, 0 when the server has everything.

        Raises:
            MlflowException: the server did not take them (or its answer was lost).
        """
        entries, ends = self.spool.pending(BATCH)
        if not entries:
            return 0
        group = next(_groups(entries))
        unsure = self._unsure or self.spool.acknowledged() < self._unsure_until
        self._unsure = True
        self._send(group, unsure)
        self.spool.acknowledge(ends[len(group) - 1])
        self._unsure = False
        return len(group)

    def directly(self, entries: Sequence[Entry]) -> None:
        """Deliver entries that the spool could not take because the disk is full."""
        for group in _groups(entries):
            self._send(group, unsure=True)

    def refused(self) -> list[Entry]:
        """Return what was put aside, and forget it: add it again to try it again."""
        file = self.spool.folder / REFUSED
        try:
            lines = file.read_text().splitlines()
            file.unlink()
        except OSError:
            return []
        self.num_refused = 0
        kept = [json.loads(line) for line in lines]
        return [entry for n, entry in enumerate(kept) if entry not in kept[:n]]

    def _send(self, group: Sequence[Entry], unsure: bool) -> None:
        if group[0]["kind"] == "metric":
            self._metrics(group, unsure)
            return
        try:
            self._other(group[0])
        except Exception as error:
            if group[0]["kind"] not in _MAY_BE_REFUSED:
                raise
            # Not here, if the server is away.
            self.client.get_run(self.run_id)
            self._failures += 1
            if self._failures < _TRIES:
                raise
            self._put_aside(group[0], error)
        else:
            self._failures = 0

    def _put_aside(self, entry: Entry, error: Exception) -> None:
        # The next one has one try only, until one is taken.
        self._failures = _TRIES
        self.num_refused += 1
        with contextlib.suppress(OSError), (self.spool.folder / REFUSED).open("a") as file:
            file.write(json.dumps(entry) + "\n")
        log.warning(
            "the tracking server %s does not take %s (%s); it is tried again at the end of the run.",
            server.without_password(self.uri),
            entry.get("path") or f"the {entry['kind']}",
            server.in_words(error),
        )

    def _metrics(self, entries: Sequence[Entry], unsure: bool) -> None:
        from mlflow.entities import Metric

        if self.steps_before is None:
            self.steps_before = self.steps_known()
        before = self.steps_before
        entries = [e for e in entries if e["step"] > before.get(e["key"], -1)]
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
        elif kind == "model":
            self._model(entry)
        elif kind == "status":
            if entry["status"] == "RUNNING":
                self.client.update_run(self.run_id, status="RUNNING")
            else:
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

    def _model(self, entry: Entry) -> None:
        # Imported where a model is logged only: it needs the packages of prediction.
        from cvcore.serve.pyfunc import MODEL_URI_TAG, log_model

        folder = self.run_dir / entry["path"]
        uri = log_model(folder, self.uri, self.run_id, entry["register_as"])
        self._tags({MODEL_URI_TAG: uri})

    def steps_known(self) -> dict[str, int]:
        """Return the largest step of each metric that the server has."""
        latest: Any = self.client.get_run(self.run_id).data._metric_objs
        return {m.key: m.step for m in latest}


class Elsewhere:
    """Stands in for `Delivery` where another process delivers: this one needs no credentials."""

    def __init__(self, run_dir: Path) -> None:
        """Open the spool only."""
        self.spool = Spool(run_dir)
        self.num_refused = 0
        self.steps_before: dict[str, int] | None = {}

    def step(self) -> int:
        """Deliver nothing."""
        return 0

    def directly(self, entries: Sequence[Entry]) -> None:
        """Try the disk once more: what is not spooled is lost."""
        self.spool.append(entries)

    def refused(self) -> list[Entry]:
        """Return nothing."""
        return []

    def steps_known(self) -> dict[str, int]:
        """Return nothing: who delivers asks the server, and leaves out what it has."""
        return {}


def _groups(entries: Sequence[Entry]) -> Iterator[Sequence[Entry]]:
    """Yield what travels together: neighbouring metrics, anything else alone."""
    start = 0
    for i, entry in enumerate(entries):
        last = i + 1 == len(entries)
        if entry["kind"] != "metric" or last or entries[i + 1]["kind"] != "metric":
            yield entries[start : i + 1]
            start = i + 1


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
