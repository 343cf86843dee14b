"""What a search may vary, in Hydra's own grammar of sweeps.

`a,b` and `choice(a,b)`: one of these; `interval(0,1)`: a number between; `int(interval(1,8))`: a whole
one; `range(16,65,16)`: one of its numbers, in their order; `tag(log, ...)`: on a logarithmic scale.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep

from cvcore.config.composer import Composer
from cvcore.config.overrides import assign, parse
from cvcore.errors import OverrideError
from launch.sweep import parsed, texts

Value = str | int | float


@dataclass(frozen=True)
class Choice:
    """One of some values, as they are written."""

    key: str
    values: tuple[str, ...]

    def text(self, value: Value) -> str:
        """Return the override of a value."""
        return f"{self.key}={value}"

    def corners(self) -> tuple[Value, ...]:
        """Return the values that are tried on the configuration before anything starts."""
        return self.values


@dataclass(frozen=True)
class Numbers:
    """A number between two, both included.

    Attributes:
        key: what it is for.
        low: the smallest.
        high: the largest.
        is_int: whether it is whole.
        log: whether ratios count, not differences.
        step: between neighbours; None: any number.
    """

    key: str
    low: float
    high: float
    is_int: bool = False
    log: bool = False
    step: int | None = None

    def text(self, value: Value) -> str:
        """Return the override of a value."""
        return assign(self.key, value)

    def corners(self) -> tuple[Value, ...]:
        """Return the values that are tried on the configuration before anything starts."""
        return (int(self.low), int(self.high)) if self.is_int else (self.low, self.high)


Dimension = Choice | Numbers


@dataclass(frozen=True)
class Space:
    """Overrides of a search: those that every trial has, and what varies."""

    fixed: tuple[str, ...]
    varied: tuple[Dimension, ...]

    def overrides(self, values: dict[str, Value]) -> list[str]:
        """Return the overrides of a trial."""
        return [*self.fixed, *(one.text(values[one.key]) for one in self.varied)]

    def check(self, composer: Composer) -> None:
        """Compose the first trial's kind with each end of each dimension.

        Raises:
            ConfigError: one can't be run.
        """
        first = {one.key: one.corners()[0] for one in self.varied}
        composer.load(self.overrides(first))
        for one in self.varied:
            for value in one.corners()[1:]:
                composer.load(self.overrides({**first, one.key: value}))


def read(overrides: Sequence[str], composer: Composer | None = None) -> Space:
    """Return what overrides leave open.

    Example:
        >>> read(["optim=sgd", "seed=int(interval(1,9))"]).varied
        (Numbers(key='seed', low=1, high=9, is_int=True, log=False, step=None),)

    Raises:
        OverrideError: one can't be read, or nothing varies.
    """
    fixed, varied = [], []
    for text in overrides:
        if parse(text).is_sweep:
            varied.append(_dimension(text, composer or Composer()))
        else:
            fixed.append(text)
    if not varied:
        raise OverrideError(
            "There is nothing to search: no override has several values. Write e.g. "
            "'optim.learning_rate=tag(log,interval(1e-5,1e-3))' or optim=adamw,sgd."
        )
    keys = [one.key for one in varied]
    for key in keys:
        if keys.count(key) > 1:
            raise OverrideError(f"{key} is varied twice. Give it once.")
    return Space(tuple(fixed), tuple(varied))


def _dimension(text: str, composer: Composer) -> Dimension:
    found = parsed(text, composer)
    key, sweep = found.get_key_element(), found._value
    if isinstance(sweep, IntervalSweep):
        return _interval(text, found, sweep)
    if isinstance(sweep, RangeSweep) and isinstance(sweep.start, int):
        numbers = [int(number) for number in texts(found)]
        if len(numbers) > 1 and isinstance(sweep.step, int) and sweep.step > 0:
            return Numbers(key, numbers[0], numbers[-1], is_int=True, step=sweep.step)
    return Choice(key, tuple(texts(found)))


def _interval(text: str, found: Override, sweep: IntervalSweep) -> Numbers:
    low, high = sweep.start, sweep.end
    if low is None or high is None or not low < high:
        raise OverrideError(f"{text!r} is empty: the first number must be below the second.")
    log = "log" in sweep.tags
    if log and low <= 0:
        raise OverrideError(f"{text!r}: a logarithmic scale has no {low}. Start above 0.")
    return Numbers(found.get_key_element(), low, high, isinstance(low, int), log)
