"""Evaluations as jobs of a workspace: every way to get a machine, one taken away, one called off."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from databricks.sdk import WorkspaceClient

from launch.base import RunState, RunStatus
from launch.databricks.code import deliver, this_code
from launch.databricks.launcher import DatabricksLauncher
from launch.databricks.volume import Volume
from launch.evaluation.submit import submit
from launch.ledger import Ledger
from launch.submit import Submitted, Submitter
from launch.testing.contract import everything
from launch.watch import Watch
from launch.workspace import FakeWorkspace
from tests.launch.databricks.conftest import VOLUME
from tests.launch.databricks.test_job import create
from tests.launch.databricks.test_training import RUN, ended

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("warm")]


@pytest.fixture(scope="module")
def trained(
    warm: None, ws: FakeWorkspace, client: WorkspaceClient, tmp_path_factory: pytest.TempPathFactory
) -> str:
    """Title of a run of this workspace that has a model."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABRICKS_HOST", ws.host)
        patch.setenv("DATABRICKS_TOKEN", ws.token)
        patch.setenv("LAKESIGHT_VOLUME", VOLUME)
        patch.chdir(tmp_path_factory.mktemp("trained"))
        launcher = DatabricksLauncher(client, log_interval_s=0.2)
        submitter = Submitter(lambda kind: launcher, user="ada@example.com")
        few = ["trainer.max_steps=4", "trainer.eval_steps=4", "run.title=cells"]
        status = ended(submitter, submitter.submit([*RUN, *few]))
        assert status.state is RunState.SUCCEEDED, status
    deliver(Volume(client), VOLUME, this_code())
    create(client, 1, "lakesight-1gpu")
    return "cells"


@pytest.fixture
def evaluate(
    ws: FakeWorkspace,
    trained: str,
    launchers: Callable[[], DatabricksLauncher],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> tuple[DatabricksLauncher, Callable[..., Submitted]]:
    monkeypatch.setenv("DATABRICKS_HOST", ws.host)
    monkeypatch.setenv("DATABRICKS_TOKEN", ws.token)
    monkeypatch.chdir(tmp_path)
    launcher = launchers()
    always = ["tracking=databricks", "trainer.use_cpu=true"]

    def begin(*words: str) -> Submitted:
        return submit(
            trained,
            "test",
            [*always, *words],
            ledger_uri="databricks",
            launchers=lambda _: launcher,
        )

    return launcher, begin


def end_of(launcher: DatabricksLauncher, one: Submitted) -> RunStatus:
    return ended(Submitter(lambda kind: launcher), one)


def whole(ws: FakeWorkspace, one: Submitted, tmp_path: Path) -> None:
    """The run is done, once, and has its report."""
    ledger = Ledger("databricks")
    run = ledger.get(one.handle.run_id)
    assert run.mlflow_status == "FINISHED"
    assert len(ledger.client.get_metric_history(run.run_id, "test/top1")) == 1
    report = ledger.client.download_artifacts(run.run_id, "report/test", str(tmp_path))
    summary = json.loads((Path(report) / "report.json").read_text())
    assert run.metrics["test/top1"] == pytest.approx(summary["metrics"]["top1"]["value"])


@pytest.mark.parametrize(
    "way",
    [
        ("compute=databricks_job", "compute.job=lakesight-1gpu"),
        ("compute=databricks_serverless",),
    ],
)
def test_a_job_of_the_bundle_and_a_serverless_gpu_evaluate_too(ws, evaluate, tmp_path, way) -> None:
    launcher, begin = evaluate
    one = begin(*way)
    assert end_of(launcher, one).state is RunState.SUCCEEDED, everything(launcher, one.handle)
    whole(ws, one, tmp_path)


def test_an_evaluation_whose_machine_is_taken_back_is_done_again(
    ws, evaluate, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr("launch.databricks.task.RETRY_PAUSE_MS", 200)
    launcher, begin = evaluate
    one = begin("compute=databricks_cluster", "compute.node_type_id=g5.xlarge", "compute.max_retries=1",
                "data.num_test=1000")  # fmt: skip
    ledger, end = Ledger("databricks"), time.monotonic() + 120
    while "lakesight.progress" not in ledger.get(one.handle.run_id).tags:
        assert time.monotonic() < end, everything(launcher, one.handle)
        time.sleep(0.1)
    assert ws.core.runner.evict(int(one.handle.external_id))
    status = end_of(launcher, one)
    said = everything(launcher, one.handle)
    assert (status.state, status.attempt) == (RunState.SUCCEEDED, 2), said
    whole(ws, one, tmp_path)


def test_an_evaluation_that_is_called_off_says_so_and_has_no_report(ws, evaluate) -> None:
    launcher, begin = evaluate
    one = begin("compute=databricks_cluster", "compute.node_type_id=g5.xlarge",
                "data.num_test=5000")  # fmt: skip
    ledger, end = Ledger("databricks"), time.monotonic() + 120
    while "lakesight.progress" not in ledger.get(one.handle.run_id).tags:
        assert time.monotonic() < end, everything(launcher, one.handle)
        time.sleep(0.1)
    launcher.cancel(one.handle)
    status = end_of(launcher, one)
    assert status.state is RunState.CANCELED, everything(launcher, one.handle)
    # Whoever looks next closes it.
    Watch(ledger, lambda kind: launcher).look([ledger.get(one.handle.run_id)])
    run = ledger.get(one.handle.run_id)
    assert run.mlflow_status == "KILLED"
    assert not ledger.client.list_artifacts(run.run_id, "report/test")
