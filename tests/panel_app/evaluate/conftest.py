"""A ledger with two detectors of random weights whose answers are the truth with mistakes in it."""

import contextlib
import io
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from mlflow import MlflowClient

from cvcore.cli.main import main
from cvcore.config.composer import load
from cvcore.data.prepare import prepare
from cvcore.metrics.mlflow_run import RunIdentity, remember
from cvcore.serve import artifact
from cvcore.tasks.registry import get_task
from cvcore.train.frozen import write_overrides
from tests.evaluate.conftest import with_mistakes
from tests.panel_app.conftest import NASTY, Server

NUM_IMAGES = 12


@dataclass(frozen=True)
class Trained:
    """Runs of the ledger.

    Attributes:
        uri: of the ledger.
        folder: of the server.
        ids: title -> id.
        runs: title -> folder.
    """

    uri: str
    folder: Path
    ids: dict[str, str]
    runs: dict[str, Path]


def saved(run_dir: Path, cache_dir: Path, seed: int) -> None:
    """Write a run's folder with a detector of random weights."""
    overrides = [
        "task=detection",
        "model=detection/d_fine_micro",
        "data.num_train=10",
        f"data.num_val={NUM_IMAGES}",
        "data.num_test=10",
        f"data.cache_dir={cache_dir}",
        "trainer.dataloader_num_workers=0",
        "trainer.bootstrap_samples=20",
    ]
    config = load(overrides)
    data = prepare(config)
    torch.manual_seed(seed)
    task = get_task("detection", config.model, config.task)
    model, processor = task.load(config.model, data.labels)
    what = artifact.of_run(config, data.labels, data.fingerprint)
    artifact.save(run_dir / "best", what, model.eval(), processor)
    write_overrides(run_dir, overrides)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, cache_dir: Path) -> Trained:
    folder = tmp_path_factory.mktemp("evaluate")
    uri = f"sqlite:///{folder}/mlruns.db"
    client = MlflowClient(uri)
    experiment = client.create_experiment("digits", artifact_location=f"{folder}/artifacts")
    ids, runs = {}, {}
    task_of = get_task

    def mistaken(*args):
        task = task_of(*args)
        task.predict = lambda _, truths: [with_mistakes(truth, 10) for truth in truths]
        return task

    for number, title in enumerate(("own", NASTY)):
        run_dir = folder / "runs" / str(number)
        saved(run_dir, cache_dir, number)
        run = client.create_run(experiment, run_name=title, tags={"lakesight.folder": str(run_dir)})
        ids[title], runs[title] = run.info.run_id, run_dir
        client.log_param(ids[title], "task.kind", "detection")
        client.log_param(ids[title], "task.metric", "AP")
        client.log_metric(ids[title], "best/AP", 0.5)
        client.set_terminated(ids[title])
        remember(run_dir, RunIdentity(ids[title], uri))
        with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(io.StringIO()):
            if title == NASTY:
                patch.setattr("cvcore.evaluate.saved.get_task", mistaken)
            assert main(["evaluate", str(run_dir)]) == 0
    return Trained(uri, folder, ids, runs)


@pytest.fixture(scope="module")
def evaluate_server(trained: Trained, cache_dir: Path):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAKESIGHT_STATE_DIR", str(trained.folder / "state"))
        roots = ("--root", str(trained.folder), "--root", str(cache_dir))
        server = Server(trained.uri, trained.folder, *roots)
    yield server
    server.stop()
