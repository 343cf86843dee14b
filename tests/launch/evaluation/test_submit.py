"""An evaluation as a run: in the ledger, linked to the model's run, done by a real process."""

import json
import time
from pathlib import Path

import pytest
import torch

from cvcore.config.composer import load
from cvcore.data.prepare import prepare
from cvcore.errors import LakesightError
from cvcore.evaluate.job import JobProgress
from cvcore.metrics.mlflow_run import RunIdentity, remember
from cvcore.serve import artifact
from cvcore.tasks.registry import get_task
from cvcore.train.frozen import write_overrides
from launch import tags
from launch.base import RunState
from launch.evaluation.subject import subject_of
from launch.evaluation.submit import EVALUATION, SOURCE, SPLIT, submit
from launch.launchers import get_launcher
from launch.ledger import Ledger
from launch.testing.clock import FakeClock
from launch.testing.fake import FakeLauncher, FakePlatform

pytestmark = pytest.mark.usefixtures("warm")


@pytest.fixture
def run_dir(tmp_path: Path, cache_dir: Path) -> Path:
    """A run's folder with a micro model of random weights."""
    overrides = [
        "task=classification",
        "model=classification/resnet_micro",
        "data.num_train=10",
        "data.num_val=10",
        "data.num_test=10",
        f"data.cache_dir={cache_dir}",
        "trainer.dataloader_num_workers=0",
        "trainer.bootstrap_samples=20",
    ]
    config = load(overrides)
    data = prepare(config)
    torch.manual_seed(0)
    model, processor = get_task("classification", config.model, config.task).load(
        config.model, data.labels
    )
    folder = tmp_path / "runs" / "digits"
    what = artifact.of_run(config, data.labels, data.fingerprint)
    artifact.save(folder / "best", what, model.eval(), processor)
    write_overrides(folder, overrides)
    return folder


def test_it_is_a_run_of_its_own_linked_to_the_models(
    run_dir: Path, state: Path, ledger_uri: str
) -> None:
    ledger = Ledger(ledger_uri)
    source = ledger.create("lakesight", "digits", {})
    remember(run_dir, RunIdentity(source, ledger.uri))
    one = submit("runs/digits", "test", ["compute=local"], ledger_uri=ledger_uri, user="ada")
    launcher = get_launcher("local")
    end = time.monotonic() + 120
    while not (status := launcher.poll([one.handle])[one.handle.run_id]).state.is_final:
        assert time.monotonic() < end
        time.sleep(0.2)
    assert status.state is RunState.SUCCEEDED, launcher.logs(one.handle)[0]

    run = ledger.get(one.handle.run_id)
    assert (run.tags[tags.KIND], run.tags[SOURCE], run.tags[SPLIT]) == (EVALUATION, source, "test")
    assert (run.mlflow_status, run.user) == ("FINISHED", "ada")
    folder = Path(one.handle.folder)
    summary = json.loads((folder / "report" / "test" / "report.json").read_text())
    assert run.metrics["test/top1"] == pytest.approx(summary["metrics"]["top1"]["value"])
    logged = {one.path for one in ledger.client.list_artifacts(run.run_id, "report/test")}
    assert {"report/test/report.json", "report/test/state.npz"} <= logged
    progress = JobProgress.read(folder)
    assert progress is not None
    assert (progress.done, progress.total) == (10, 10)


def test_what_cannot_be_evaluated_is_refused_before_there_is_a_run(
    run_dir: Path, ledger_uri: str
) -> None:
    platform = FakePlatform(FakeClock())

    def refused(*words: object, **more: object) -> str:
        with pytest.raises(LakesightError) as told:
            submit(
                *words,  # type: ignore[arg-type]
                ledger_uri=ledger_uri,
                launchers=lambda _: FakeLauncher(platform),
                **more,  # type: ignore[arg-type]
            )
        return str(told.value)

    assert "Did you mean 'test'?" in refused("runs/digits", "tset")
    assert "task=" in refused("runs/digits", "val", ["task=detection"])
    assert "no folder" in refused("runs/digit", "val")
    cluster = "compute=databricks_cluster"
    assert "not in the workspace's MLflow" in refused("runs/digits", "val", [cluster])
    assert "one device" in refused("runs/digits", "val", [cluster, "compute.num_workers=2"])
    assert "not with hostfile" in refused("runs/digits", "val", ["compute=hostfile"])
    assert not Ledger(ledger_uri).runs()


def test_a_model_that_is_in_mlflow_only_needs_data_and_server_that_a_node_sees(
    run_dir: Path, ledger_uri: str, tmp_path: Path
) -> None:
    ledger, cluster = Ledger(ledger_uri), "compute=databricks_cluster"
    gone = str(tmp_path / "gone")
    run_id = ledger.create("lakesight", "far", {tags.FOLDER: gone, tags.GENERATION: "0"})

    def refused(*overrides: str) -> str:
        with pytest.raises(LakesightError) as told:
            submit("far", "val", [*overrides, cluster], ledger_uri=ledger_uri)
        return str(told.value)

    assert "not ended well" in refused()
    ledger.client.log_param(run_id, "task.kind", "classification")
    ledger.tag(run_id, {tags.MODEL_URI: f"runs:/{run_id}/model"})
    assert "can't be read from MLflow" in refused()
    ledger.client.log_artifact(run_id, str(run_dir / "overrides.yaml"))
    subject = subject_of("far", ["trainer.use_cpu=true"], ledger, remote=True)
    assert (subject.folder, subject.run_id, subject.experiment) == (None, run_id, "lakesight")
    assert (subject.config.trainer.bootstrap_samples, subject.config.trainer.use_cpu) == (20, True)
    assert "is of task 'classification'" in refused("task=detection")
    other = ("data=image_folder", f"data.root={tmp_path}")
    assert "is on this machine; a node of Databricks" in refused(*other)
    assert "Write tracking=databricks" in refused()
    assert [run.title for run in ledger.runs()] == ["far"]
