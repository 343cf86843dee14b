"""Shows where a training is: a bar with ETA on a terminal, plain lines in a log."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from tqdm import tqdm
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from cvcore.data.samples import Prediction, Truth
from cvcore.evaluate.progress import Progress as EvaluationProgress
from cvcore.metrics.names import of_hf

log = logging.getLogger(__name__)

_BAR = (
    "step {n_fmt}/{total_fmt} {percentage:3.0f}%|{bar}| {elapsed}<{remaining} {rate_fmt}{postfix}"
)
_WIDTH_UNKNOWN = 80


class Progress(TrainerCallback):
    """The first process's; the others have none. Also an observer of evaluations."""

    def __init__(self, metric: str, num_val: int, world: int = 1) -> None:
        """Take what to show.

        Args:
            metric: of the task, shown after an evaluation.
            num_val: images of the validation split.
            world: processes that share them.
        """
        self.metric = metric
        self.num_val = num_val
        self.world = world
        self._bar: tqdm[Any] | None = None
        self._evaluation: EvaluationProgress | None = None
        self._shown: dict[str, str] = {}
        self._start_step = 0
        self._started = 0.0

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Open the bar."""
        self._start_step = state.global_step
        self._started = time.monotonic()
        if sys.stderr.isatty():
            known = _terminal_columns() > 0
            self._bar = tqdm(
                total=state.max_steps,
                initial=state.global_step,
                ncols=None if known else _WIDTH_UNKNOWN,
                dynamic_ncols=known,
                bar_format=_BAR,
                unit="step",
                smoothing=0.05,
            )

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Move the bar."""
        if self._bar is not None:
            self._bar.update(state.global_step - self._bar.n)

    def __call__(
        self, outputs: Any, predictions: Sequence[Prediction], truths: Sequence[Truth]
    ) -> None:
        """Count a batch of an evaluation."""
        if self._evaluation is None:
            self._evaluation = EvaluationProgress("evaluating val", self.num_val, self.world)
        self._evaluation(outputs, predictions, truths)

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float],
        **_: Any,
    ) -> None:
        """Write a line, or beside the bar."""
        values = {name: v for k, v in logs.items() if (name := of_hf(k)) is not None}
        if "train/loss" in values:
            self._shown["loss"] = f"{values['train/loss']:.4f}"
            text = f"{_training(values)}{self._eta(state)}"
        elif any(key.startswith("val/") for key in values):
            self._close_evaluation()
            value = values.get(f"val/{self.metric}")
            shown = "undefined" if value is None or value != value else f"{value:.4f}"
            self._shown[self.metric] = shown
            text = f"val {self.metric} {shown}  in {values.get('time/eval_s', 0.0):.1f} s"
        else:
            return
        if self._bar is not None:
            self._bar.set_postfix_str(", ".join(f"{k} {v}" for k, v in self._shown.items()))
        width = len(str(state.max_steps))
        epoch = f"  epoch {state.epoch:.2f}" if state.epoch is not None else ""
        log.info("step %*d/%d%s  %s", width, state.global_step, state.max_steps, epoch, text)

    def _eta(self, state: TrainerState) -> str:
        done = state.global_step - self._start_step
        if not done:
            return ""
        per_step_s = (time.monotonic() - self._started) / done
        left_s = round(per_step_s * (state.max_steps - state.global_step))
        return f"  ETA {left_s // 3600}:{left_s % 3600 // 60:02d}:{left_s % 60:02d}"

    def _close_evaluation(self) -> None:
        if self._evaluation is not None:
            self._evaluation.__exit__(None, None, None)
            self._evaluation = None

    def on_train_end(self, *_: Any, **__: Any) -> None:
        """Close the bars."""
        self._close_evaluation()
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def _training(values: Mapping[str, float]) -> str:
    """Return the figures of a training log, in columns as long as they stay of one size."""
    parts = [f"loss {values['train/loss']:.4f}"]
    if "train/learning_rate" in values:
        parts.append(f"lr {values['train/learning_rate']:.2e}")
    if "images_per_s" in values:
        speed = values["images_per_s"]
        parts.append(f"{speed:.0f} images/s" if speed >= 10 else f"{speed:.2f} images/s")
        parts.append(f"data wait {values['time/data_wait_pct']:2.0f} %")
    return "  ".join(parts)


def _terminal_columns() -> int:
    """Return the width of the terminal behind stderr; 0 where it does not say (some containers)."""
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns
    except (OSError, ValueError):
        return 0
