"""Compose, submit, train on a node, watch, resume: the whole way over the wire."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from mlflow import MlflowClient

from launch.base import RunSpec, RunState, RunStatus
from launch.errors import SubmitError
from launch.ledger import Ledger
from launch.submit import Submitted, Submitter
from launch.testing.contract import everything
from launch.testing.payload import MODULE
from launch.watch import Watch

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("warm")]

RUN = [
    "task=classification",
    "model=classification/resnet_micro",
    "data.num_train=16",
    "data.num_val=10",
    "data.num_test=10",
    "trainer.use_cpu=true",
    "trainer.max_steps=40",
    "trainer.eval_steps=40",
    "trainer.save_steps=4",
    "trainer.logging_steps=1",
    "trainer.per_device_train_batch_size=4",
    "trainer.dataloader_num_workers=0",
    "monitoring.system_metrics=false",
    "tracking=databricks",
    "tracking.num_images=0",
    "compute=databricks_cluster",
    "compute.node_type_id=g5.xlarge",
    "compute.max_retries=1",
]


@pytest.fixture
def submitter(ws, launchers, monkeypatch, tmp_path) -> Submitter:
    monkeypatch.setenv("DATABRICKS_HOST", ws.host)
    monkeypatch.setenv("DATABRICKS_TOKEN", ws.token)
    monkeypatch.chdir(tmp_path)
    launcher = launchers()
    return Submitter(lambda kind: launcher, user="ada@example.com")


def ended(submitter: Submitter, submitted: Submitted, wait_s: float = 200.0) -> RunStatus:
    launcher, until = submitter.launchers("databricks"), time.monotonic() + wait_s
    while time.monotonic() < until:
        status = launcher.poll([submitted.handle])[submitted.handle.run_id]
        if status.state.is_final:
            return status
        time.sleep(0.3)
    raise AssertionError(f"{status}\n{everything(launcher, submitted.handle)}")


def test_an_evicted_training_goes_on_from_the_volume_with_the_same_curves(
    ws, submitter, client, monkeypatch
) -> None:
    monkeypatch.setattr("launch.databricks.task.RETRY_PAUSE_MS", 200)
    submitted = submitter.submit(RUN)
    run_id, until = submitted.handle.run_id, time.monotonic() + 300
    launcher = submitter.launchers("databricks")
    durable = ws.root / f"Volumes/main/default/runs/runs/{run_id}/durable"
    while not [p for p in durable.glob("checkpoints/*/COMPLETE") if p.parent.suffix != ".part"]:
        status = launcher.poll([submitted.handle])[run_id]
        said = f"{status}\n{everything(launcher, submitted.handle)}"
        assert time.monotonic() < until, said
        assert not status.state.is_final, said
        time.sleep(0.1)
    assert ws.core.runner.evict(int(submitted.handle.external_id)) == ["train"]
    status = ended(submitter, submitted)
    log = everything(launcher, submitted.handle)
    assert (status.state, status.attempt) == (RunState.SUCCEEDED, 2), f"{status}\n{log}"
    assert "going on from step" in log, log
    assert (durable / "checkpoints" / "checkpoint-40" / "COMPLETE").is_file()
    mlflow = MlflowClient("databricks")
    run = mlflow.get_run(run_id)
    assert run.info.status == "FINISHED"
    assert run.data.tags["lakesight.model_uri"], "logged by the parent, which can sign in"
    steps = [m.step for m in mlflow.get_metric_history(run_id, "train/loss")]
    assert steps == sorted(set(steps)), "no point twice"
    assert steps[-1] == 40


def test_a_run_whose_node_is_gone_is_closed_in_mlflow_with_the_reason(ws, submitter) -> None:
    launcher, ledger = submitter.launchers("databricks"), Ledger("databricks")
    folder = Path("lost").absolute()
    folder.mkdir()
    about = {"lakesight.launcher": "databricks", "lakesight.generation": "0"}
    run_id = ledger.create("/Shared/lakesight", "lost", about)
    words = ("sleep", "600")
    handle = launcher.submit(
        RunSpec(run_id, str(folder), MODULE, words, use_cpu=True, tracking_uri="databricks")
    )
    ledger.tag(run_id, {"lakesight.external_id": handle.external_id})
    ledger.client.update_run(run_id, status="RUNNING")
    while launcher.poll([handle])[run_id].state is not RunState.RUNNING:
        time.sleep(0.1)
    watch = Watch(ledger, lambda kind: launcher)
    assert watch.look([ledger.get(run_id)])[run_id].state is RunState.RUNNING
    assert ws.core.runner.evict(int(handle.external_id)) == ["train"]
    assert ended(submitter, Submitted(handle, "lost", "databricks")).state is RunState.FAILED
    assert ledger.get(run_id).mlflow_status == "RUNNING", "nobody was left to say it"
    watch.look([ledger.get(run_id)])
    assert ledger.get(run_id).mlflow_status == "FAILED"
    assert ledger.get(run_id).status.reason.startswith("the cloud took the spot machine back")


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("data=coco data.root=/home/ada/blood", r"data.root=.*/blood is on this machine.*fs cp"),
        (
            "tracking=mlflow tracking.uri=sqlite:///x.db tracking.experiment=x",
            "tracking=databricks",
        ),
        ("compute.volume=/tmp/x", "compute.volume=/tmp/x is not a folder on a Volume"),
        ("compute.node_type_id=g5.huge", "g5.huge"),
    ],
)
def test_what_a_node_cannot_use_is_refused_before_it_costs(submitter, client, word, said) -> None:
    before = len(list(client.jobs.list_runs(limit=24)))
    with pytest.raises(SubmitError, match=said):
        submitter.submit([*(text for text in RUN if "data.num" not in text), *word.split()])
    assert len(list(client.jobs.list_runs(limit=24))) == before
