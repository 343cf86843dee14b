"""How a training ended is in MLflow: refused, killed at a bad moment, resumed."""

from __future__ import annotations

from pathlib import Path

import pytest
import train_jobs as jobs
from mlflow import MlflowClient
from mlflow.entities import Run

from cvcore.config.schema import Config
from cvcore.metrics.mlflow_run import identity_of

pytestmark = pytest.mark.slow


def given(config: Config) -> str:
    client = MlflowClient(str(config.tracking.uri))
    experiment = client.get_experiment_by_name("lakesight")
    config.run.id = client.create_run(experiment.experiment_id).info.run_id
    return config.run.id


def run_of(config: Config, run_id: str) -> Run:
    return MlflowClient(str(config.tracking.uri)).get_run(run_id)


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("precision", "fp16", "fp16"),  # refused before anything is read
        ("resume", "must", "there is no whole checkpoint"),  # after data and model are there
    ],
)
def test_a_refused_configuration_is_failed_with_its_reason(
    key: str, value: str, reason: str, tmp_path: Path
) -> None:
    config = jobs.make_config(tmp_path, [])
    (tmp_path / "run").mkdir()
    setattr(config.trainer if key == "precision" else config.run, key, value)
    run_id = given(config)
    assert jobs.run(config) == 2
    said = (tmp_path / "run" / "error.txt").read_text()
    assert reason in said
    run = run_of(config, run_id)
    assert run.info.status == "FAILED"
    assert run.data.tags["lakesight.reason"] == said


def test_after_a_kill_no_step_is_logged_twice_and_none_is_missing(tmp_path: Path) -> None:
    steps = ["trainer.max_steps=10", "trainer.eval_steps=2", "trainer.save_steps=4"]
    config = jobs.make_config(tmp_path, steps)
    # Two steps and one evaluation after its newest checkpoint.
    assert jobs.run(config, at_step={7: "SIGKILL"}) < 0
    first = identity_of(tmp_path / "run")
    assert first is not None
    assert run_of(config, first.run_id).info.status == "RUNNING"
    assert jobs.run(config) == 0
    assert identity_of(tmp_path / "run") == first
    run = run_of(config, first.run_id)
    assert run.info.status == "FINISHED"
    client = MlflowClient(first.uri)
    for key in ("train/loss", "train/learning_rate", "images_per_s"):
        assert [m.step for m in client.get_metric_history(first.run_id, key)] == list(range(1, 11))
    assert [m.step for m in client.get_metric_history(first.run_id, "val/top1")] == [2, 4, 6, 8, 10]
    # The points of before the kill are those the resumed training computed again.
    losses = jobs.losses(config)
    for point in client.get_metric_history(first.run_id, "train/loss"):
        assert point.value == pytest.approx(losses[point.step], abs=1e-6)
    experiments = [e.experiment_id for e in client.search_experiments()]
    assert len(client.search_runs(experiments)) == 1
