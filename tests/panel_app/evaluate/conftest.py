"""A ledger of models of random weights whose answers are the truth with mistakes in it."""

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


def saved(run_dir: Path, cache_dir: Path, seed: int, kind: str) -> None:
    """Write a run's folder with a model of random weights."""
    overrides = [
        f"task={kind}",
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
    task = get_task(kind, config.model, config.task)
    model, processor = task.load(config.model, data.labels)
    what = artifact.of_run(config, data.labels, data.fingerprint)
    artifact.save(run_dir / "best", what, model.eval(), processor)
    write_overrides(run_dir, overrides)


def add(trained: Trained, cache_dir: Path, title: str, kind: str, *, own: bool = False) -> str:
    """Make a run and evaluate its model; return the run's id.

    Args:
        trained: to which it is added.
        cache_dir: of data.
        title: of the run.
        kind: of task.
        own: the answers are the model's own; otherwise the truth with mistakes.
    """
    client, number = MlflowClient(trained.uri), len(trained.ids)
    run_dir = trained.folder / "runs" / str(number)
    saved(run_dir, cache_dir, number, kind)
    experiment = client.get_experiment_by_name("digits").experiment_id
    run = client.create_run(experiment, run_name=title, tags={"lakesight.folder": str(run_dir)})
    run_id = run.info.run_id
    trained.ids[title], trained.runs[title] = run_id, run_dir
    metric = load([f"task={kind}"]).task.metric
    client.log_param(run_id, "task.kind", kind)
    client.log_param(run_id, "task.metric", metric)
    client.log_metric(run_id, f"best/{metric}", 0.5)
    client.set_terminated(run_id)
    remember(run_dir, RunIdentity(run_id, trained.uri))
    num_labels, task_of = len(artifact.read(run_dir / "best").labels), get_task

    def mistaken(*args):
        task = task_of(*args)
        task.predict = lambda _, truths: [with_mistakes(truth, num_labels) for truth in truths]
        return task

    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(io.StringIO()):
        if not own:
            patch.setattr("cvcore.evaluate.saved.get_task", mistaken)
        assert main(["evaluate", str(run_dir)]) == 0
    return run_id


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, cache_dir: Path) -> Trained:
    folder = tmp_path_factory.mktemp("evaluate")
    trained = Trained(f"sqlite:///{folder}/mlruns.db", folder, {}, {})
    client = MlflowClient(trained.uri)
    client.create_experiment("digits", artifact_location=f"{folder}/artifacts")
    for title in ("own", NASTY):
        add(trained, cache_dir, title, "detection", own=title == "own")
    return trained


@pytest.fixture(scope="module")
def evaluate_server(trained: Trained, cache_dir: Path):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAKESIGHT_STATE_DIR", str(trained.folder / "state"))
        roots = ("--root", str(trained.folder), "--root", str(cache_dir))
        server = Server(trained.uri, trained.folder, *roots)
    yield server
    server.stop()
