"""Shows where a training is: a bar with ETA on a terminal, plain lines in a log."""

from __future__ import annotations

import logging
import sys
import time
from typing import Any

from tqdm import tqdm
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from cvcore.metrics.names import of_hf

log = logging.getLogger(__name__)

_SHOWN = ("train/loss", "train/learning_rate", "images_per_s", "time/data_wait_pct")


class Progress(TrainerCallback):
    """The first process's; the others have none."""

    def __init__(self, metric: str) -> None:
        """Take the name of the metric that is shown after an evaluation."""
        self.metric = f"val/{metric}"
        self._bar: tqdm[Any] | None = None
        self._start_step = 0
        self._started = 0.0

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Open the bar."""
        self._start_step = state.global_step
        self._started = time.monotonic()
        if sys.stderr.isatty():
            self._bar = tqdm(
                total=state.max_steps,
                initial=state.global_step,
                dynamic_ncols=True,
                unit="step",
                smoothing=0.05,
            )

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Move the bar."""
        if self._bar is not None:
            self._bar.update(state.global_step - self._bar.n)

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
            shown = {key: values[key] for key in _SHOWN if key in values}
        elif any(key.startswith("val/") for key in values):
            shown = {self.metric: values.get(self.metric, float("nan"))}
            shown["time/eval_s"] = values.get("time/eval_s", 0.0)
        else:
            return
        text = "  ".join(f"{key} {value:.4g}" for key, value in shown.items())
        if self._bar is not None:
            self._bar.set_postfix_str(text)
        log.info("step %d/%d%s  %s", state.global_step, state.max_steps, self._eta(state), text)

    def _eta(self, state: TrainerState) -> str:
        done = state.global_step - self._start_step
        if not done:
            return ""
        per_step_s = (time.monotonic() - self._started) / done
        left_s = round(per_step_s * (state.max_steps - state.global_step))
        return f"  ETA {left_s // 3600}:{left_s % 3600 // 60:02d}:{left_s % 60:02d}"

    def on_train_end(self, *_: Any, **__: Any) -> None:
        """Close the bar."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
