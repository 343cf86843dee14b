"""What a server refuses, an earlier process left or a full disk did not take still comes right."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from cvcore.metrics.delivery import Delivery
from cvcore.metrics.mlflow_run import flat
from cvcore.metrics.server import client, in_words, without_password
from cvcore.metrics.spool import Spool
from cvcore.metrics.tracker import Tracker


@pytest.fixture
def uri(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/mlruns.db"


@pytest.fixture
def run_id(uri: str) -> str:
    return str(MlflowClient(uri).create_run("0").info.run_id)


def steps(uri: str, run_id: str, key: str = "train/loss") -> list[int]:
    return [m.step for m in MlflowClient(uri).get_metric_history(run_id, key)]


def test_refused_artifacts_do_not_hold_up_metrics_and_are_tried_again(
    tmp_path: Path,
    uri: str,
    run_id: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    works = False
    real = MlflowClient.log_artifact

    def log_artifact(self: Any, *args: Any, **kwargs: Any) -> None:
        if not works:
            raise MlflowException("Unable to locate credentials")
        real(self, *args, **kwargs)

    monkeypatch.setattr(MlflowClient, "log_artifact", log_artifact)
    folder = tmp_path / "run"
    tracker = Tracker(folder, uri, run_id)
    for file in ("config.yaml", "labels.json"):
        (folder / file).write_text("{}")
        tracker.artifact(folder / file)
    tracker.log({"train/loss": 1.0}, 1)
    with caplog.at_level(logging.WARNING):
        assert not tracker.finish("FINISHED")
    assert steps(uri, run_id) == [1]
    assert MlflowClient(uri).get_run(run_id).info.status == "FINISHED"
    assert "does not take config.yaml (Unable to locate credentials)" in caplog.text
    works = True
    assert Tracker(folder, uri, run_id).finish("FINISHED")
    artifacts = {a.path for a in MlflowClient(uri).list_artifacts(run_id)}
    assert artifacts == {"config.yaml", "labels.json"}


def test_a_resumed_run_is_running_whatever_its_last_process_left(
    tmp_path: Path, uri: str, run_id: str
) -> None:
    folder = tmp_path / "run"
    left = [{"kind": "metric", "key": "train/loss", "value": 1.0, "step": 1, "t": 5}]
    Spool(folder).append([*left, {"kind": "status", "status": "KILLED"}])
    tracker = Tracker(folder, uri, run_id)
    delivery = tracker._delivery
    tracker.log({"train/loss": 1.0}, 1)
    tracker.log({"train/loss": 2.0}, 2)
    while delivery.spool.num_pending():
        pass
    assert MlflowClient(uri).get_run(run_id).info.status == "RUNNING"
    assert tracker.finish("FINISHED")
    assert MlflowClient(uri).get_run(run_id).info.status == "FINISHED"
    assert steps(uri, run_id) == [1, 2]


def test_the_status_arrives_when_the_disk_is_full(
    tmp_path: Path, uri: str, run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracker = Tracker(tmp_path / "run", uri, run_id)
    tracker.log({"train/loss": 1.0}, 1)
    full = OSError(28, "No space left on device", "entries.jsonl")

    def append(self: Spool, entries: Any) -> None:
        raise full

    monkeypatch.setattr(Spool, "append", append)
    tracker.log({"train/loss": 2.0}, 2)
    tracker.tags({"lakesight.reason": "the disk is full"})
    assert tracker.finish("FAILED")
    run = MlflowClient(uri).get_run(run_id)
    assert run.info.status == "FAILED"
    assert run.data.tags["lakesight.reason"] == "the disk is full"
    assert steps(uri, run_id) == [1, 2]


def test_a_cursor_that_lags_behind_doubles_nothing(
    tmp_path: Path, uri: str, run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[int] = []
    real = MlflowClient.log_batch

    def log_batch(self: Any, run_id: str, metrics: Any = (), **kwargs: Any) -> None:
        sent.extend(m.step for m in metrics)
        real(self, run_id, metrics=metrics, **kwargs)

    monkeypatch.setattr(MlflowClient, "log_batch", log_batch)
    monkeypatch.setattr("cvcore.metrics.delivery.BATCH", 3)
    folder = tmp_path / "run"
    spool = Spool(folder)
    spool.append(
        {"kind": "metric", "key": "train/loss", "value": 1.0, "step": s, "t": s} for s in range(10)
    )
    for _ in range(3):
        # As if the disk had been full each time: the cursor was never kept.
        delivery = Delivery(folder, uri, run_id)
        while delivery.step():
            spool.cursor.unlink()
    assert sent == list(range(10))


def test_undefined_values_are_no_points_and_the_spool_is_json(
    tmp_path: Path, uri: str, run_id: str
) -> None:
    tracker = Tracker(tmp_path / "run", uri, run_id)
    tracker.log({"val/AP": float("nan"), "val/AR": float("inf"), "val/AP50": 0.5}, 1)
    assert tracker.finish("FINISHED")
    assert set(MlflowClient(uri).get_run(run_id).data.metrics) == {"val/AP50"}

    def fail(constant: str) -> None:
        raise AssertionError(constant)

    for line in tracker.spool.entries.read_text().splitlines():
        json.loads(line, parse_constant=fail)


def test_a_torn_line_is_cut_off(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.append([{"kind": "tags", "values": {"a": "1"}}])
    with spool.entries.open("a") as file:
        file.write('{"kind": "met')
    again = Spool(tmp_path)
    again.append([{"kind": "tags", "values": {"b": "2"}}])
    assert [e["values"] for e in again.everything()] == [{"a": "1"}, {"b": "2"}]


def test_no_password_is_shown() -> None:
    uri = "https://me:secret@mlflow.example.org/x"
    assert without_password(f"{uri} failed") == "https://***@mlflow.example.org/x failed"
    assert "secret" not in str(flat({"tracking": {"uri": uri}}))


def test_a_connection_that_failed_is_said_in_few_words() -> None:
    with pytest.raises(MlflowException) as caught:
        client("http://127.0.0.1:9").get_run("x")
    assert in_words(caught.value).endswith("Connection refused")
    assert in_words(ValueError("")) == "ValueError"
    assert len(in_words(ValueError("word " * 100))) <= 240
