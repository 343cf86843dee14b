"""Makes up for the evaluation that a signal put off."""

from __future__ import annotations

from typing import Any

from transformers import TrainerCallback

from cvcore.train.trainer import LakesightTrainer


class DueEvaluation(TrainerCallback):
    """Evaluates before the first step; the last callback, so that all others are ready."""

    def __init__(self, trainer: LakesightTrainer, *, due: bool) -> None:
        """Take the trainer, and whether the checkpoint lacks the evaluation of its own step."""
        self.trainer = trainer
        self.due = due

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        """Evaluate the checkpoint's weights, as the interrupted training would have."""
        if self.due:
            self.trainer.evaluate_for_best()
