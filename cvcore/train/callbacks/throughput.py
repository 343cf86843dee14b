"""Speed and memory since the last log: images/s, time per step, share of waiting for data."""

from __future__ import annotations

import time
from typing import Any

import psutil
import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from cvcore.train.trainer import LakesightTrainer

GIB = float(1 << 30)


class Throughput(TrainerCallback):
    """Adds its figures to HF's log of the loss; evaluations and saves are not counted as steps."""

    def __init__(self, trainer: LakesightTrainer) -> None:
        """Take the trainer."""
        self.trainer = trainer
        self._busy_s = 0.0
        self._steps = 0
        self._since = 0.0
        self._waited_s = 0.0

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        """Start."""
        self._reset()

    def on_step_end(self, *_: Any, **__: Any) -> None:
        """Count a step and its time."""
        now = time.perf_counter()
        self._busy_s += now - self._since
        self._since = now
        self._steps += 1

    def on_save(self, *_: Any, **__: Any) -> None:
        """Leave the save out."""
        self._since = time.perf_counter()

    def on_evaluate(self, *_: Any, **__: Any) -> None:
        """Leave the evaluation out."""
        self._since = time.perf_counter()

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float],
        **_: Any,
    ) -> None:
        """Add to a log of the loss."""
        if "loss" not in logs or not self._steps:
            return
        waited_s = self.trainer.data_wait_s - self._waited_s
        step_s = self._busy_s / self._steps
        logs["images_per_s"] = self.trainer.batches.effective / max(step_s, 1e-9)
        logs["time/step_s"] = step_s
        logs["time/data_wait_pct"] = min(100.0 * waited_s / max(self._busy_s, 1e-9), 100.0)
        logs["mem/process_gib"] = psutil.Process().memory_info().rss / GIB
        if args.device.type == "cuda":
            logs["mem/allocated_gib"] = torch.cuda.max_memory_allocated() / GIB
            logs["mem/reserved_gib"] = torch.cuda.max_memory_reserved() / GIB
            torch.cuda.reset_peak_memory_stats()
        self._reset()

    def _reset(self) -> None:
        self._busy_s = 0.0
        self._steps = 0
        self._since = time.perf_counter()
        self._waited_s = self.trainer.data_wait_s
