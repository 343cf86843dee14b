"""Compose, submit, train on a node, watch, resume: the whole way over the wire."""

from __future__ import annotations

import time

import pytest
from mlflow import MlflowClient

from launch.base import RunState, RunStatus
from launch.submit import Submitted, Submitter
from launch.testing.contract import everything

pytestmark = pytest.mark.slow

RUN = [
    "task=classification",
    "model=classification/resnet_micro",
    "data.num_train=16",
    "data.num_val=10",
    "data.num_test=10",
    "trainer.use_cpu=true",
    "trainer.max_steps=4",
    "trainer.eval_steps=4",
    "trainer.save_steps=2",
    "trainer.logging_steps=1",
    "trainer.per_device_train_batch_size=4",
    "trainer.dataloader_num_workers=0",
    "monitoring.system_metrics=false",
    "tracking=databricks",
    "tracking.log_model=false",
    "tracking.num_images=0",
    "compute=databricks_cluster",
    "compute.node_type_id=g5.xlarge",
]


@pytest.fixture
def submitter(ws, launchers, monkeypatch, tmp_path) -> Submitter:
    monkeypatch.setenv("DATABRICKS_HOST", ws.host)
    monkeypatch.setenv("DATABRICKS_TOKEN", ws.token)
    monkeypatch.chdir(tmp_path)
    launcher = launchers()
    return Submitter(lambda kind: launcher, user="ada@example.com")


def ended(submitter: Submitter, submitted: Submitted, wait_s: float = 120.0) -> RunStatus:
    launcher, until = submitter.launchers("databricks"), time.monotonic() + wait_s
    while time.monotonic() < until:
        status = launcher.poll([submitted.handle])[submitted.handle.run_id]
        if status.state.is_final:
            return status
        time.sleep(0.3)
    raise AssertionError(f"{status}\n{everything(launcher, submitted.handle)}")


def test_a_run_trains_on_a_node_and_its_curves_are_in_mlflow(ws, submitter, client) -> None:
    submitted = submitter.submit(RUN)
    status = ended(submitter, submitted)
    launcher = submitter.launchers("databricks")
    log = everything(launcher, submitted.handle)
    assert status.state is RunState.SUCCEEDED, f"{status}\n{log}"
    mlflow = MlflowClient("databricks")
    run = mlflow.get_run(submitted.handle.run_id)
    assert run.info.status == "FINISHED"
    history = mlflow.get_metric_history(run.info.run_id, "train/loss")
    assert [m.step for m in history] == [1, 2, 3, 4]
    durable = ws.root / f"Volumes/main/default/runs/runs/{run.info.run_id}/durable"
    assert (durable / "checkpoints" / "checkpoint-4" / "COMPLETE").is_file()
