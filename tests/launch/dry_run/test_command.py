"""`lakesight submit --dry-run` as a person runs it: processes of their own, a clean one for the model."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from mlflow import MlflowClient

from launch.dry_run import STAGES

pytestmark = pytest.mark.usefixtures("warm")


def dry_run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cvcore.cli.main", "submit", "--dry-run", *words],
        cwd=folder, capture_output=True, text=True, timeout=280, env=dict(os.environ),
    )  # fmt: skip


def cpu_s() -> float:
    """Return how long the processors have worked for processes started here, seconds."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.mark.slow
def test_every_stage_passes_and_nothing_is_left_behind(small_run, folder: Path) -> None:
    work, before = folder / "work", cpu_s()
    done = dry_run(work, *small_run, "registry.register_as=digits", f"run.dir={folder}/run")
    # 90 s on 2 cores of its own; others may use them too, so its work is counted, not the clock.
    assert cpu_s() - before < 90
    lines = done.stdout.splitlines()
    assert done.returncode == 0, done.stdout + done.stderr
    assert [line.split()[:2] for line in lines[: len(STAGES)]] == [["ok", s] for s in STAGES]
    client = MlflowClient(f"sqlite:///{folder}/ledger.db")
    experiments = [e.experiment_id for e in client.search_experiments()]
    assert client.search_runs(experiments) == []
    assert client.search_registered_models() == []
    assert not (folder / "run" / "checkpoints").exists()
    # Neither the run's files nor the model's, wherever the server keeps them.
    assert (work / "mlruns").is_dir()
    assert list(folder.rglob("MLmodel")) == []
    assert [path for path in (work / "mlruns").rglob("*") if path.is_file()] == []


@pytest.mark.slow
def test_a_fault_of_the_child_process_is_one_line_and_exit_code_2(small_run, folder: Path) -> None:
    done = dry_run(folder / "work", *small_run, "model.checkpoint=./no/such", "--json")
    assert done.returncode == 2
    found = json.loads(done.stdout)
    by_stage = {stage["stage"]: stage for stage in found["stages"]}
    assert not found["ok"]
    assert by_stage["model"]["status"] == "fail"
    assert "there is no such folder" in by_stage["model"]["said"]
    assert by_stage["predict"]["status"] == "not run"
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.slow
def test_the_clean_process_uses_the_code_inside_the_model(small_run, folder: Path) -> None:
    import numpy as np

    from cvcore.config.composer import load
    from cvcore.train.run import train
    from launch.dry_run.child import Processes
    from launch.dry_run.small import small

    config, _ = small(load([*small_run, f"run.dir={folder}/run"]), folder / "small")
    config.tracking.log_model = True
    result = train(config)
    uri = f"sqlite:///{folder}/ledger.db"
    tags = MlflowClient(uri).get_run(result.run_id).data.tags
    import cv2

    image = cv2.imencode(".png", np.zeros((20, 30, 3), np.uint8))[1].tobytes()
    found = Processes().predict(tags["lakesight.model_uri"], uri, image)
    assert found["answer"]["size"] == [20, 30]
    assert Path(found["code"]).parts[-3:] == ("code", "cvcore", "__init__.py")
