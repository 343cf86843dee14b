"""A submitted training that is watched from outside, and what came of it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mlflow import MlflowClient

from launch.base import RunStatus
from launch.ledger import Ledger
from launch.local.files import JobFiles
from launch.local.launcher import LocalLauncher
from launch.local.process import environments, identity, of_run
from launch.submit import Submitter
from launch.watch import Watch

STEPS = 24
WAIT_S = 240.0
TINY = [
    "task=classification",
    "model=classification/resnet_micro",
    "data.num_train=48",
    "data.num_val=16",
    "data.num_test=16",
    f"trainer.max_steps={STEPS}",
    "trainer.save_steps=4",
    "trainer.eval_steps=8",
    "trainer.logging_steps=1",
    "trainer.per_device_train_batch_size=8",
    "trainer.dataloader_num_workers=0",
    "trainer.bootstrap_samples=0",
    "trainer.use_cpu=true",
    "tracking.log_model=false",
    "tracking.num_images=0",
    "monitoring.system_metrics=false",
    "compute.max_retries=2",
    "run.dir=run",
]
# What a clock or the machine says is not part of the result.
_MEASURED = ("time/", "mem/", "system/", "images_per_s")


@dataclass(frozen=True)
class Outcome:
    """What a training comes to: the same for every run of one configuration.

    Attributes:
        metrics: of `result.json`.
        curves: value at each step of each metric in MLflow that no clock measured.
        weights: digest of the best model's weights.
        starting_s: seconds between submission and the first step; of this run only.
    """

    metrics: dict[str, float]
    curves: dict[str, dict[int, float]]
    weights: str
    starting_s: float


class Run:
    """A run that was submitted, seen as another program sees it: processes, files, ledger."""

    def __init__(self, folder: Path, uri: str, cache: Path, num_devices: int = 1) -> None:
        """Submit it from `folder`, the working directory."""
        words = [*TINY, f"tracking.uri={uri}", f"data.cache_dir={cache}"]
        words.append(f"compute.num_devices={num_devices}")
        self.uri = uri
        self.submitted_at = time.monotonic()
        self.handle = Submitter().submit(words).handle
        self.folder = folder / "run"
        self.files = JobFiles(self.folder)
        self.launcher = LocalLauncher()
        self.starting_s = 0.0
        self.trainings: set[str] = set()
        """Every process seen that was started to train this run (ranks are started by it)."""

    def status(self) -> RunStatus:
        """Look as `lakesight runs` does, at the processes too."""
        now = self._with_words(b"cvcore.train")
        assert len(now) <= 1, f"trainings of one run at once: {[(p, _words(p)) for p in now]}"
        self.trainings |= {identity(pid) for pid in now} - {""}
        if not self.starting_s and self.step() > 0:
            self.starting_s = time.monotonic() - self.submitted_at
        return self.launcher.poll([self.handle])[self.handle.run_id]

    def step(self) -> int:
        """Return the last step that the log tells of, 0 before the first."""
        try:
            found = re.findall(r"step +(\d+)/", self.files.output.read_text())
        except OSError:
            return 0
        return int(found[-1]) if found else 0

    def wait(self, until: Callable[[], object]) -> bool:
        """Look on until something is; False if the run ended before."""
        end = time.monotonic() + WAIT_S
        while not until():
            assert time.monotonic() < end, f"stuck: {self.status()}"
            if self.status().state.is_final:
                return False
            time.sleep(0.03)
        return True

    def follow(self) -> RunStatus:
        """Look on until it has ended."""
        self.wait(lambda: False)
        return self.status()

    def trainers(self) -> list[int]:
        """Return the process that was started to train."""
        return self._with_words(b"cvcore.train")

    def ranks(self) -> list[int]:
        """Return the processes of the ranks."""
        return self._with_words(b"cvcore.train.worker")

    def watchers(self) -> list[int]:
        """Return the launcher's process for this run."""
        mine = os.fsencode(self.folder)
        found = [pid for pid, _ in environments() if mine in _words(pid)]
        return _first([pid for pid in found if _is_python(pid, b"launch.local.supervisor")])

    def _with_words(self, module: bytes) -> list[int]:
        return _first([pid for pid in of_run(self.handle.run_id) if _is_python(pid, module)])

    def outcome(self) -> Outcome:
        """Return what came of it.

        Raises:
            AssertionError: MLflow has not exactly this run, or a point twice, or it is open.
        """
        ledger = Ledger(self.uri)
        Watch(ledger).look(ledger.runs())
        (one,) = ledger.runs()
        client = MlflowClient(self.uri)
        everything = client.search_runs([e.experiment_id for e in client.search_experiments()])
        assert [run.info.run_id for run in everything] == [self.handle.run_id] == [one.run_id]
        assert one.mlflow_status == "FINISHED"
        assert one.status.state == "SUCCEEDED"
        curves = {}
        for key in everything[0].data.metrics:
            points = client.get_metric_history(one.run_id, key)
            steps = [point.step for point in points]
            assert len(steps) == len(set(steps)), f"{key} has a step twice: {steps}"
            if not key.startswith(_MEASURED):
                curves[key] = {point.step: point.value for point in points}
        weights = (self.folder / "best" / "model.safetensors").read_bytes()
        return Outcome(
            json.loads((self.folder / "result.json").read_text())["metrics"],
            curves,
            hashlib.sha256(weights).hexdigest(),
            self.starting_s,
        )


def _words(pid: int) -> list[bytes]:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    return []


def _is_python(pid: int, module: bytes) -> bool:
    """Return whether a process is `python -m <module>`: not the shell that has the same words."""
    words = _words(pid)
    return words[0] != b"/bin/sh" and module in words if words else False


def _first(pids: list[int]) -> list[int]:
    """Leave out children of the others: for a moment a child has the words of who starts it.

    Who has ended since the list was made is left out too: it may have been such a child.
    """
    return [pid for pid in pids if _parent(pid) not in (0, *pids)]


def _parent(pid: int) -> int:
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return 0
