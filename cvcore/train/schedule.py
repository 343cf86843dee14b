"""Learning-rate schedules that are what their names say."""

from __future__ import annotations

import math
from dataclasses import dataclass

from cvcore.config.schema import OptimConf

POLYNOMIAL_POWER = 0.9
"""Source: DeepLab, Chen et al. 2017, sec. 4.1 ("poly" policy); power 1 would be `linear`."""


@dataclass(frozen=True)
class Schedule:
    """Factor of the peak learning rate at each step; a callable for `LambdaLR`.

    constant: 1. constant_with_warmup: rises linearly from 0, then 1. The others rise too, then
    linear: falls on a line to 0; cosine: half a cosine to 0; polynomial: (1 - done) ** 0.9;
    step: times `gamma` each time the fraction `step_size` of the whole training is done.

    Attributes:
        kind: `optim.lr_scheduler_type`.
        total: optimizer steps of the training.
        warmup: steps spent rising; 0 for `constant`.
        step_size: of `step`, a fraction.
        gamma: of `step`.
    """

    kind: str
    total: int
    warmup: int
    step_size: float = 1.0
    gamma: float = 1.0

    @classmethod
    def of(cls, conf: OptimConf, total: int) -> Schedule:
        """Return the schedule of a configuration over `total` steps."""
        warmup = 0 if conf.lr_scheduler_type == "constant" else round(conf.warmup_ratio * total)
        return cls(conf.lr_scheduler_type, total, warmup, conf.step_size, conf.step_gamma)

    def __call__(self, step: int) -> float:
        """Return the factor of the step after `step` steps are done."""
        if step < self.warmup:
            return (step + 1) / (self.warmup + 1)
        done = min((step - self.warmup) / max(self.total - self.warmup, 1), 1.0)
        if self.kind == "linear":
            return 1.0 - done
        if self.kind == "cosine":
            return 0.5 * (1.0 + math.cos(math.pi * done))
        if self.kind == "polynomial":
            return float((1.0 - done) ** POLYNOMIAL_POWER)
        if self.kind == "step":
            # The small term keeps 0.33 of 100 steps at step 33 in spite of rounding.
            return float(self.gamma ** int(step / (self.step_size * self.total) + 1e-9))
        return 1.0
