"""`lakesight submit --search` as a person uses it: a process of its own, real trainings."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from launch.local.process import environments

pytestmark = pytest.mark.usefixtures("warm")

pytest.importorskip("optuna")
TINY = [
    "task=classification",
    "model=classification/resnet_micro",
    "data.num_train=16",
    "data.num_val=10",
    "data.num_test=10",
    "trainer.max_steps=2",
    "trainer.per_device_train_batch_size=8",
    "trainer.dataloader_num_workers=0",
    "trainer.bootstrap_samples=0",
    "tracking.log_model=false",
    "tracking.num_images=0",
    "monitoring.system_metrics=false",
]
SPACE = ["optim.learning_rate=tag(log,interval(1e-4,1e-2))", "optim=adamw,sgd"]
WAIT_S = 150.0


@pytest.fixture
def lakesight(state: Path, ledger_uri: str, cache_dir: Path) -> Callable[..., str]:
    def run(*words: str, code: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "cvcore.cli.main", *words],
            capture_output=True, text=True, timeout=WAIT_S,
            env={**os.environ, "XDG_CACHE_HOME": str(cache_dir)},
        )  # fmt: skip
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout + done.stderr

    return run


def drivers(state: Path) -> list[int]:
    mark, found = f"LAKESIGHT_STATE_DIR={state}".encode(), []
    for pid, words in environments():
        with contextlib.suppress(OSError):
            command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            if mark in words and b"launch.search" in command:
                found.append(pid)
    return found


def until(check: Callable[[], object]) -> None:
    end = time.monotonic() + WAIT_S
    while not check():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_killed_search_is_gone_on_with_and_a_canceled_one_stops(lakesight, state) -> None:
    begun = lakesight("submit", "--search", "2", *TINY, *SPACE, "run.title=s", "run.dir=s")
    short = re.search(r"as (\w{8})", begun)[1]
    log = Path("s/search.log")
    until(lambda: "s-0  submitted" in log.read_text())
    assert "goes on already" in lakesight("resume", short, code=2)
    (driver,) = drivers(state)
    os.kill(driver, signal.SIGKILL)
    shown = lakesight("resume", short, "--follow")
    assert re.search(r"s-1  SUCCEEDED  best/top1 [\d.]+  optim.learning_rate=", shown)
    assert "SUCCEEDED: best of 2 trials: s-" in shown
    rows = {row["title"]: row for row in json.loads(lakesight("runs", "--json"))}
    assert set(rows) == {"s", "s-0", "s-1"}
    assert {row["state"] for row in rows.values()} == {"SUCCEEDED"}
    assert rows["s"]["launcher"] == "search"
    assert rows["s"]["reason"].startswith("best of 2 trials")
    assert "begin another search" in lakesight("resume", short, code=2)
    assert lakesight("logs", short) == log.read_text()

    lakesight("submit", "--search", "9", *TINY, *SPACE, "run.title=t", "run.dir=t")
    until(lambda: "t-0  submitted" in Path("t/search.log").read_text())
    assert "t-0" in lakesight("cancel", "t")
    until(lambda: not drivers(state))
    rows = {row["title"]: row for row in json.loads(lakesight("runs", "--json"))}
    assert rows["t"]["state"] == "CANCELED"
    assert "t-1" not in rows
