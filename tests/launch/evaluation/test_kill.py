"""Evaluations killed at any moment: the ledger tells it, and a half report is never taken for a whole one."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from cvcore.evaluate.job import JobProgress
from cvcore.serve.register.gather import facts_of
from launch.base import RunState
from launch.evaluation.submit import EVALUATION, submit
from launch.launchers import get_launcher
from launch.ledger import Ledger
from launch.local import process
from launch.watch import Watch
from tests.launch.registry.conftest import maker

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("warm")]

KILLED_IN_KEPT = """
import os, signal, sys
from pathlib import Path
from cvcore.evaluate import kept
from cvcore.evaluate.saved import evaluate_saved
kept.save = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
evaluate_saved(Path(sys.argv[1]), [], "test")
"""


def until(true: Callable[[], object], limit_s: float = 120) -> None:
    end = time.monotonic() + limit_s
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def supervisors(folder: str) -> list[psutil.Process]:
    """The processes that watch over the run of a folder."""
    words = [(one, one.info["cmdline"] or []) for one in psutil.process_iter(["cmdline"])]
    return [one for one, said in words if "launch.local.supervisor" in said and folder in said]


def test_a_killed_evaluation_is_told_and_done_again(
    tmp_path: Path, state: Path, ledger_uri: str
) -> None:
    ledger, launcher = Ledger(ledger_uri), get_launcher("local")
    run = maker(tmp_path)(ledger_uri, "digits")
    given = {"ledger_uri": ledger_uri, "user": "ada"}

    # The process that evaluates, in the middle; it is not to be tried again.
    few, many = ("trainer.bootstrap_samples=20", "trainer.bootstrap_samples=5000")
    dead = submit("runs/digits", "test", [many, "compute.max_retries=0"], **given).handle
    until(lambda: JobProgress.read(Path(dead.folder)))
    # The first of them; the others load its images.
    there = [psutil.Process(pid) for pid in process.of_run(dead.run_id)]
    works = [one for one in there if "cvcore.evaluate" in one.cmdline()]
    min(works, key=lambda one: one.create_time()).kill()
    until(lambda: launcher.poll([dead])[dead.run_id].state.is_final)
    Watch(ledger).look([ledger.get(dead.run_id)])
    told = ledger.get(dead.run_id)
    assert told.mlflow_status == "FAILED"
    assert "SIGKILL" in told.status.reason
    assert not (Path(dead.folder) / "report" / "test" / "report.json").exists()

    # All of it at once, as when the machine goes down: whoever looks next has it go on.
    again = submit("runs/digits", "test", [few], **given).handle
    until(lambda: process.of_run(again.run_id))
    [supervisor] = supervisors(again.folder)
    supervisor.kill()
    process.kill_run(again.run_id)
    until(lambda: launcher.poll([again])[again.run_id].state.is_final)
    status = launcher.poll([again])[again.run_id]
    assert status.state is RunState.SUCCEEDED, launcher.logs(again)[0]
    done = ledger.get(again.run_id)
    assert done.mlflow_status == "FINISHED"
    assert len(ledger.client.get_metric_history(again.run_id, "test/top1")) == 1
    summary = json.loads((Path(again.folder) / "report" / "test" / "report.json").read_text())
    assert done.metrics["test/top1"] == pytest.approx(summary["metrics"]["top1"]["value"])
    ends = [one.mlflow_status for one in ledger.runs(kind=EVALUATION)]
    assert sorted(ends) == ["FAILED", "FINISHED"]

    # Over an older report: what is of the one and what of the other can't be told.
    assert set(facts_of(run / "best").splits) == {"test"}
    words = [sys.executable, "-c", KILLED_IN_KEPT, str(run / "best")]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=120)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert facts_of(run / "best").splits == {}
