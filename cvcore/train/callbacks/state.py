"""Keeps the parts of a training's state that HF's loop does not: average, frozen norms, loss window."""

from __future__ import annotations

from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from cvcore.train.trainer import LakesightTrainer


class OwnState(TrainerCallback):
    """Moves the average after each step and takes up the loss window of a checkpoint."""

    def __init__(self, trainer: LakesightTrainer) -> None:
        """Take the trainer."""
        self.trainer = trainer

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        """Take up where the checkpoint was."""
        self.trainer.restore_loss_window()

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Move the average, before anything is evaluated or saved."""
        if self.trainer.ema is not None:
            self.trainer.ema.update(self.trainer.model, state.global_step)
