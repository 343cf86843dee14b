"""The moving average of weights that is evaluated and saved instead of the weights themselves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import nn

from cvcore.train import weights

FILE = "ema.safetensors"


class Ema:
    """Average of all floating-point weights and buffers, kept in float32.

    average = d * average + (1 - d) * weights, with d = min(decay, (1 + n) / (10 + n)) after n steps,
    so that the first averages are not the random start. Source: `ExponentialMovingAverage` of
    TensorFlow, `num_updates`.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        """Start with the model's weights."""
        self.decay = decay
        self.average = {
            name: value.detach().clone().float() if value.is_floating_point() else value.clone()
            for name, value in weights.named(model).items()
        }

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """Take in the weights after `step` optimizer steps."""
        decay = min(self.decay, (1 + step) / (10 + step))
        for name, value in weights.named(model).items():
            if self.average[name].device != value.device:
                # DeepSpeed moves the model after the average was made.
                self.average[name] = self.average[name].to(value.device)
            average = self.average[name]
            if average.is_floating_point():
                average.lerp_(value.float(), 1.0 - decay)
            else:
                average.copy_(value)

    @contextmanager
    def applied(self, model: nn.Module) -> Iterator[None]:
        """Put the average into the model for evaluation or saving; the weights come back after."""
        live = weights.named(model)
        kept = {name: value.detach().clone() for name, value in live.items()}
        self._copy(self.average, live)
        try:
            yield
        finally:
            self._copy(kept, live)

    @staticmethod
    @torch.no_grad()
    def _copy(source: dict[str, torch.Tensor], target: dict[str, torch.Tensor]) -> None:
        for name, value in target.items():
            value.copy_(source[name])

    def save(self, folder: Path) -> None:
        """Write the average into a checkpoint's folder."""
        weights.write(self.average, folder / FILE)

    def load(self, folder: Path) -> None:
        """Read what `save` wrote."""
        for name, value in weights.read(folder / FILE).items():
            self.average[name].copy_(value)
