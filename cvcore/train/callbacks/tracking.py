"""Sends what HF logs to the tracker, under our names."""

from __future__ import annotations

from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from cvcore.metrics.names import NUM_DEVICES, TOTAL_STEPS, of_hf
from cvcore.metrics.tracker import Tracker, finite


class Tracking(TrainerCallback):
    """The first process's; the others have none."""

    def __init__(self, tracker: Tracker) -> None:
        """Take the tracker."""
        self.tracker = tracker

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Say how long it will be, and on how many devices: known only now."""
        self.tracker.tags(
            {TOTAL_STEPS: str(state.max_steps), NUM_DEVICES: str(max(args.world_size, 1))}
        )

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float],
        **_: Any,
    ) -> None:
        """Send a log; keys that are not worth a curve, and undefined values, are left out."""
        values = {name: float(v) for k, v in logs.items() if (name := of_hf(k)) is not None}
        self.tracker.log(finite(values), state.global_step)
