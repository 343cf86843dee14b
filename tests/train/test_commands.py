"""Trainings by their commands, as a person and a cluster run them: torchrun, Ctrl-C, a group's signal."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import train_jobs as jobs
from mlflow import MlflowClient

from cvcore.metrics.mlflow_run import identity_of

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
TRAIN = [sys.executable, "-m", "cvcore.train"]
STEPS = ["trainer.max_steps=12", "trainer.eval_steps=6", "trainer.precision=fp32"]


@contextmanager
def started(
    config: jobs.Config, command: list[str], overrides: list[str]
) -> Iterator[subprocess.Popen[str]]:
    """Start a command in a process group of its own, with its output in a pipe."""
    words, env = jobs.command_line(config)
    process = subprocess.Popen(
        [*command, *words, *overrides],
        env={**env, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def until_logged(config: jobs.Config, text: str, timeout_s: float = 90.0) -> None:
    file = Path(config.run.dir or "") / "log.txt"
    until = time.monotonic() + timeout_s
    while not (file.is_file() and re.search(text, file.read_text())):
        assert time.monotonic() < until, f"{text!r} was never logged"
        time.sleep(0.05)


def status(config: jobs.Config) -> str:
    run = identity_of(Path(config.run.dir or ""))
    assert run is not None
    return str(MlflowClient(run.uri).get_run(run.run_id).info.status)


@pytest.mark.slow
def test_torchrun_makes_the_same_training(tmp_path: Path) -> None:
    two = jobs.make_config(tmp_path / "two", STEPS)
    one = jobs.make_config(tmp_path / "one", [*STEPS, "trainer.per_device_train_batch_size=8"])
    for config in (one, two):
        config.model.config = {**jobs.VIT, "hidden_dropout_prob": 0.0}
    assert jobs.run(one) == 0
    with started(two, [*TORCHRUN, "-m", "cvcore.train"], STEPS) as process:
        output, _ = process.communicate(timeout=150)
    assert process.returncode == 0, output
    a, b = jobs.losses(one), jobs.losses(two)
    assert a.keys() == b.keys()
    assert max(abs(a[s] - b[s]) for s in a) <= 1e-5
    for step, figures in jobs.evaluations(one).items():
        assert jobs.evaluations(two)[step] == pytest.approx(figures, rel=0, abs=1e-6)
    result = json.loads((Path(two.run.dir or "") / "result.json").read_text())
    assert (result["status"], result["stopped_by"], result["step"]) == ("FINISHED", "steps", 12)
    assert status(two) == "FINISHED"


@pytest.mark.slow
def test_torchrun_says_one_reason_when_it_is_refused(tmp_path: Path) -> None:
    config = jobs.make_config(tmp_path, STEPS)
    bad = ["optim.freeze=backbone", "trainer.precision=fp16", "trainer.use_cpu=true"]
    with started(config, [*TORCHRUN, "-m", "cvcore.train"], bad) as process:
        output, _ = process.communicate(timeout=120)
    assert process.returncode != 0
    # Each process says it, as torchrun shows them all; there is no other reason and no traceback of ours.
    said = {line for line in output.splitlines() if "error: " in line}
    assert len(said) == 1, output
    assert said.pop().startswith("error: trainer.precision=fp16 needs a GPU")
    assert "cvcore/" not in output
    assert "exitcode  : 2" in output


@pytest.mark.slow
def test_second_ctrl_c_stops_at_once(tmp_path: Path) -> None:
    config = jobs.make_config(tmp_path, [])
    # Steps of many seconds, so that the first Ctrl-C is not done with when the second comes.
    long_steps = [
        "trainer.max_steps=9",
        "trainer.gradient_accumulation_steps=4000",
        "trainer.auto_find_batch_size=false",
        "trainer.per_device_train_batch_size=1",
        "trainer.dataloader_num_workers=2",
    ]
    with started(config, TRAIN, long_steps) as process:
        until_logged(config, "images of")
        time.sleep(4.0)
        # The terminal signals the whole group, data workers too.
        os.killpg(process.pid, signal.SIGINT)
        time.sleep(1.0)
        assert process.poll() is None
        os.killpg(process.pid, signal.SIGINT)
        start = time.monotonic()
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 130, output
    assert time.monotonic() - start < 20
    assert "Traceback" not in output
    assert status(config) == "KILLED"


@pytest.mark.slow
def test_signal_to_the_whole_group_saves_although_there_are_workers(tmp_path: Path) -> None:
    config = jobs.make_config(tmp_path, [])
    long = ["trainer.max_steps=100000", "trainer.dataloader_num_workers=2"]
    long += ["trainer.eval_steps=100000"]
    with started(config, TRAIN, long) as process:
        until_logged(config, r"step +[3-9]/")
        os.killpg(process.pid, signal.SIGTERM)
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 143, output[-2000:]
    assert "Traceback" not in output
    assert jobs.state(config)["global_step"] >= 3
    assert status(config) == "KILLED"
