"""How sure a figure is: bootstrap over images, from the metrics' compact states. Torch-free.

Letters: I = images, B = resamples.
A resample draws I images with replacement; a metric gives its figures for such draws without
looking at pixels again (`resampled`). The draws are seeded, and images are in the order of their
ids, so the same evaluation has the same intervals on any number of processes.

Source: Efron 1979; the basic (mirrored) interval, Davison and Hinkley 1997, sec. 5.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from cvcore.errors import DataError
from cvcore.evaluate.table import ImageId


class Resampled(Protocol):
    """A metric that can be computed for weighted images."""

    @property
    def image_ids(self) -> list[ImageId]:
        """Ids of the images seen, in order."""
        ...

    def resampled(self, weights_BI: NDArray[np.integer[Any]]) -> dict[str, NDArray[np.float64]]:
        """Return the main figures for sets of image weights, float64 [B] by key."""
        ...


@dataclass(frozen=True, slots=True)
class Interval:
    """Where a figure lies with a given confidence; NaN where it is undefined.

    Attributes:
        low: lower end, in the figure's own unit.
        high: upper end.
    """

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Difference:
    """Second minus first of two evaluations of the same images.

    Attributes:
        value: the difference itself.
        low: lower end of its interval.
        high: upper end.
        p_value: two-sided; small: the difference is more than the choice of images.
    """

    value: float
    low: float
    high: float
    p_value: float


def draws(num_images: int, num_resamples: int, seed: int) -> NDArray[np.int32]:
    """Return how often each image is drawn, int32 [B, I]; every row sums to I."""
    rng = np.random.default_rng(seed)
    weights_BI = np.empty((num_resamples, num_images), np.int32)
    for row_I in weights_BI:
        row_I[:] = np.bincount(rng.integers(0, num_images, num_images), minlength=num_images)
    return weights_BI


def intervals(
    metric: Resampled, num_resamples: int = 200, seed: int = 0, level: float = 0.95
) -> dict[str, Interval]:
    """Return the interval of each main figure; empty without resamples or images.

    Args:
        metric: after its last update.
        num_resamples: more make the ends less noisy; 200 is enough for two digits.
        seed: of the draws.
        level: chance that the interval holds the figure of the whole population.
    """
    num_images = len(metric.image_ids)
    if not num_resamples or not num_images:
        return {}
    figures = metric.resampled(_all_and_draws(num_images, num_resamples, seed))
    found = {key: _interval(values_B, level) for key, values_B in figures.items()}
    return {key: Interval(max(x.low, 0.0), min(x.high, 1.0)) for key, x in found.items()}


def compare(
    first: Resampled,
    second: Resampled,
    num_resamples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> dict[str, Difference]:
    """Return second minus first of each main figure, both on the same draws of images.

    Args:
        first: after its last update.
        second: the same, of the same images.
        num_resamples: more make ends and p-values less noisy.
        seed: of the draws.
        level: chance that an interval holds the difference in the whole population.

    Raises:
        DataError: the two have not seen the same images.
    """
    ids = first.image_ids
    if ids != second.image_ids:
        only = set(ids) ^ set(second.image_ids)
        raise DataError(
            f"the two evaluations differ in {len(only)} images, e.g. {sorted(only, key=str)[:3]}. "
            "Compare evaluations of the same split."
        )
    if not ids:
        raise DataError("the two evaluations hold no image. Evaluate a split with images.")
    weights_BI = _all_and_draws(len(ids), num_resamples, seed)
    before, after = first.resampled(weights_BI), second.resampled(weights_BI)
    return {key: _difference(after[key] - before[key], level) for key in before}


def _all_and_draws(num_images: int, num_resamples: int, seed: int) -> NDArray[np.int32]:
    """Return weights of all images once, then those of the draws, int32 [1 + B, I]."""
    once_1I = np.ones((1, num_images), np.int32)
    return np.concatenate([once_1I, draws(num_images, num_resamples, seed)])


def _reflected(values_B: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the draws mirrored at the figure, which comes first.

    AP and its like are larger on fewer or repeated images (precision is read at its best point),
    so draws lie above the figure as the figure lies above that of all images. Mirrored, they give
    intervals that hold the latter as often as they say; plain percentiles miss it half the time.
    """
    drawn_B = values_B[1:][~np.isnan(values_B[1:])]
    return 2 * values_B[0] - drawn_B


def _interval(values_B: NDArray[np.float64], level: float) -> Interval:
    """Return the interval of the first value, which it always holds; the others are the draws."""
    mirrored_B = _reflected(values_B)
    if not len(mirrored_B) or np.isnan(values_B[0]):
        return Interval(float("nan"), float("nan"))
    low, high = np.quantile(mirrored_B, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(min(low, values_B[0])), float(max(high, values_B[0])))


def _difference(values_B: NDArray[np.float64], level: float) -> Difference:
    interval, mirrored_B = _interval(values_B, level), _reflected(values_B)
    beyond = min((mirrored_B <= 0).sum(), (mirrored_B >= 0).sum())
    p_value = min(1.0, 2 * (int(beyond) + 1) / (len(mirrored_B) + 1))
    return Difference(float(values_B[0]), interval.low, interval.high, p_value)
