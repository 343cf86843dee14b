"""A run with a micro model and the figures of an evaluation, without a training."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from mlflow import MlflowClient

from cvcore.config.composer import load
from cvcore.data.prepare import prepare
from cvcore.serve import artifact
from cvcore.tasks.registry import get_task
from cvcore.train.frozen import OVERRIDES, write_overrides
from launch.tags import FOLDER

SMALL = ["data.num_train=16", "data.num_val=10", "data.num_test=10", "trainer.use_cpu=true"]

MakeRun = Callable[..., Path]


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    """Return a function that makes a finished run, see `maker`."""
    return maker(tmp_path)


def maker(base: Path) -> MakeRun:
    """Return a function that makes a finished run: folder, MLflow run, model, report of test.

    The figures are what a test says they are: gate and card read them, nobody makes them here.
    """

    def make(
        uri: str,
        title: str = "run",
        *,
        kind: str = "classification",
        value: float = 0.9,
        per_class: dict[str, float] | None = None,
        fingerprint: str | None = None,
        experiment: str = "lakesight",
        seed: int = 0,
    ) -> Path:
        folder = base / "runs" / title
        overrides = [f"task={kind}", *SMALL]
        config = load(overrides)
        data = prepare(config)
        torch.manual_seed(seed)
        model, processor = get_task(kind, config.model, config.task).load(config.model, data.labels)
        made = artifact.of_run(config, data.labels, data.fingerprint)
        artifact.save(folder / "best", made, model.eval(), processor)
        write_overrides(folder, overrides)
        client = MlflowClient(uri)
        known = client.get_experiment_by_name(experiment)
        where = known.experiment_id if known else client.create_experiment(experiment)
        run = client.create_run(where, run_name=title)
        client.log_artifact(run.info.run_id, str(folder / OVERRIDES))
        client.log_param(run.info.run_id, "task.kind", kind)
        client.log_param(run.info.run_id, "task.metric", config.task.metric)
        client.log_metric(run.info.run_id, f"best/{config.task.metric}", value)
        client.set_tag(run.info.run_id, FOLDER, str(folder))
        client.set_terminated(run.info.run_id)
        (folder / "run.json").write_text(json.dumps({"run_id": run.info.run_id, "uri": uri}))
        classes = {name: (per_class or {}).get(name, value) for name in data.labels.names}
        write_report(
            folder / "report" / "test",
            figures={config.task.metric: value},
            per_class={name: {"f1": v, "AP": v, "num_images": 20.0} for name, v in classes.items()},
            certificate={
                "label_space": data.labels.hash,
                "dataset_fingerprint": fingerprint or data.fingerprint,
                "split": "test",
                "num_images": 10,
                "resolution_hw": [32, 32],
            },
        )
        return folder

    return make


def version_of(run: Path, uri: str, model: str) -> str:
    """Register a run as `register` does, without a process of its own and without measuring."""
    from cvcore.serve.register.publish import publish

    # Leaves MLflow's own tracking URI, and its environment variable, at `uri`.
    run_id = json.loads((run / "run.json").read_text())["run_id"]
    return publish(run / "best", uri, run_id, model).version


@pytest.fixture
def quickly() -> Callable[[Path, str, str], str]:
    return version_of


def write_report(
    folder: Path,
    figures: dict[str, float],
    per_class: dict[str, Any],
    certificate: dict[str, Any],
) -> None:
    folder.mkdir(parents=True)
    metrics = {
        key: {"value": v, "unit": "0..1", "greater_is_better": True, "description": "One figure."}
        for key, v in figures.items()
    }
    (folder / "report.json").write_text(
        json.dumps({"metrics": metrics, "certificate": certificate})
    )
    (folder / "per_class.json").write_text(json.dumps(per_class))
