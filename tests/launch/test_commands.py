"""The verbs as a person uses them: real processes, real trainings."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient

from launch.local.files import JobFiles
from launch.local.process import of_run

pytestmark = pytest.mark.usefixtures("warm")

TINY = [
    "task=classification",
    "model=classification/resnet_micro",
    "data.num_train=48",
    "data.num_val=16",
    "data.num_test=16",
    "trainer.max_steps=40",
    "trainer.save_steps=5",
    "trainer.eval_steps=20",
    "trainer.logging_steps=1",
    "trainer.per_device_train_batch_size=8",
    "trainer.dataloader_num_workers=0",
    "trainer.bootstrap_samples=0",
    "tracking.log_model=false",
    "tracking.num_images=0",
    "monitoring.system_metrics=false",
]
WAIT_S = 150.0


@pytest.fixture
def lakesight(state: Path, ledger_uri: str, cache_dir: Path) -> Iterator[Callable]:
    """Start `lakesight` in the test's folder."""
    started: list[subprocess.Popen] = []

    def start(*words: str) -> subprocess.Popen:
        process = subprocess.Popen(
            [sys.executable, "-m", "cvcore.cli.main", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "XDG_CACHE_HOME": str(cache_dir)},
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def run(lakesight, *words: str, code: int = 0) -> str:
    process = lakesight(*words)
    out, err = process.communicate(timeout=WAIT_S)
    assert process.returncode == code, out + err
    assert "Traceback" not in err
    return out + err


def until(check: Callable[[], object]) -> None:
    end = time.monotonic() + WAIT_S
    while not check():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.slow
def test_a_killed_training_goes_on_by_itself_and_comes_out_the_same(
    lakesight, ledger_uri, tmp_path
) -> None:
    shown = run(lakesight, "submit", "--follow", *TINY, "run.dir=whole")
    assert "step 40/40" in shown
    assert "SUCCEEDED" in shown

    killed = tmp_path / "killed"
    run(lakesight, "submit", *TINY, "run.dir=killed", "run.title=killed", "compute.max_retries=1")
    files = JobFiles(killed)
    until((killed / "checkpoints" / "checkpoint-10" / "COMPLETE").exists)
    job = files.read_job()
    assert job is not None
    shells = {int(files.read_progress().process.split(":")[0])}
    for pid in set(of_run(job.spec.run_id)) - shells:
        os.kill(pid, signal.SIGKILL)
    assert not (killed / "result.json").exists()
    log = run(lakesight, "logs", "-f", "killed")
    assert "ended by SIGKILL" in log
    assert "attempt 2" in log

    results = [
        json.loads((tmp_path / name / "result.json").read_text()) for name in ("whole", "killed")
    ]
    assert results[0]["metrics"] == pytest.approx(results[1]["metrics"], abs=1e-6)
    client = MlflowClient(ledger_uri)
    curves = [
        {p.step: p.value for p in client.get_metric_history(r["run_id"], "train/loss")}
        for r in results
    ]
    assert sorted(curves[1]) == list(range(1, 41))
    assert curves[0] == pytest.approx(curves[1], abs=1e-6)

    # Every local memory is deleted: the ledger shows the same runs.
    rows = json.loads(lakesight("runs", "--json").communicate(timeout=WAIT_S)[0])
    assert [(r["title"], r["state"]) for r in rows] == [
        ("killed", "SUCCEEDED"),
        ("whole", "SUCCEEDED"),
    ]
    for path in sorted((tmp_path / "state").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    again = json.loads(lakesight("runs", "--json").communicate(timeout=WAIT_S)[0])
    assert again == rows
    assert {client.get_run(r["run_id"]).info.status for r in rows} == {"FINISHED"}


@pytest.mark.slow
def test_following_leaves_cancel_stops_resume_goes_on(lakesight, ledger_uri, tmp_path) -> None:
    long = [*TINY, "trainer.max_steps=100000", "trainer.eval_steps=50000", "run.dir=long"]
    follower = lakesight("submit", "--follow", *long)
    assert any(re.search(r"step +5/", line) for line in follower.stdout)
    follower.send_signal(signal.SIGINT)
    _, err = follower.communicate(timeout=WAIT_S)
    assert follower.returncode == 0, err
    assert "long goes on" in err
    assert "lakesight cancel" in err
    job = JobFiles("long").read_job()
    assert job is not None
    assert of_run(job.spec.run_id)
    assert "RUNNING" in run(lakesight, "runs")
    assert "nothing to resume" in run(lakesight, "resume", "long", code=2)

    run(lakesight, "cancel", job.spec.run_id[:6])
    until(lambda: JobFiles("long").read_progress().status.state.is_final)
    assert of_run(job.spec.run_id) == []
    assert "CANCELED" in run(lakesight, "runs")
    client = MlflowClient(ledger_uri)
    assert client.get_run(job.spec.run_id).info.status == "KILLED"
    assert client.get_run(job.spec.run_id).data.tags["lakesight.state"] == "CANCELED"
    # It saved before it went; resume begins there.
    assert "had ended already" in run(lakesight, "cancel", "long")
    before = len((tmp_path / "long" / "job" / "output.log").read_text())
    run(lakesight, "resume", "long")
    until(lambda: " loss " in (tmp_path / "long" / "job" / "output.log").read_text()[before:])
    assert not re.search(
        r"step +1/", (tmp_path / "long" / "job" / "output.log").read_text()[before:]
    )
    run(lakesight, "cancel", "long")


def test_mistakes_are_one_sentence(lakesight) -> None:
    assert "Did you mean 'submit'" in run(lakesight, "submits", code=2)
    assert "there is no submitted run" in run(lakesight, "logs", "nothing", code=2)
    assert "optim.learning_rate" in run(lakesight, "submit", "optim.learning_rate=50", code=2)
