"""Stops a training whose loss is not a number, and says what is known about it."""

from __future__ import annotations

import math
from typing import Any

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from cvcore.errors import TrainingError
from cvcore.train import distributed
from cvcore.train.arguments import precision
from cvcore.train.trainer import LakesightTrainer


class StopOnNonFinite(TrainerCallback):
    """Checks the running loss where it is logged, evaluated or saved: nothing spoilt is ever kept.

    In between it is not looked at, because that would make the device wait at each step.
    """

    def __init__(self, trainer: LakesightTrainer) -> None:
        """Take the trainer."""
        self.trainer = trainer

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Check before HF logs, evaluates or saves this step.

        Raises:
            TrainingError: the loss is NaN or infinite on any process.
        """
        if not (control.should_log or control.should_evaluate or control.should_save):
            return
        loss = self.trainer._tr_loss.item()
        if distributed.any_of(not math.isfinite(loss))[0]:
            raise TrainingError(self._reason(state))

    def _reason(self, state: TrainerState) -> str:
        parts = {
            name: value.item() if isinstance(value, torch.Tensor) else float(value)
            for name, value in self.trainer.loss_parts.items()
        }
        bad = [f"{name}={value}" for name, value in parts.items() if not math.isfinite(value)]
        named = f" Parts of the loss that are not finite: {', '.join(bad[:6])}." if bad else ""
        kind = precision(self.trainer.config)
        rate = self.trainer._get_learning_rate()
        formats = ", or trainer.precision=fp32" if kind != "fp32" else ""
        return (
            f"the loss is not a finite number at step {state.global_step} (learning rate {rate:.3g}, "
            f"{kind}).{named} The checkpoints of earlier steps are whole. Try a lower "
            f"optim.learning_rate, a longer optim.warmup_ratio, a smaller trainer.max_grad_norm"
            f"{formats}."
        )
