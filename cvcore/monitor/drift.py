"""How far a sample is from its reference, and what that means in words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import kolmogorov
from scipy.stats import chi2_contingency

from cvcore.monitor.reference import Reference

STABLE, SHIFTED, DRIFTED, UNKNOWN = "stable", "shifted", "drifted", "unknown"

_BINS = 10
_EPSILON = 1e-4
"""Share of an empty bin. Source: usual practice with PSI."""

P_VALUE = 0.01
"""A difference that chance brings more often than this is none."""


@dataclass(frozen=True)
class Limits:
    """From where on a difference is one.

    Attributes:
        shifted: PSI.
        drifted: PSI.
        least: a sample of fewer is not judged.
    """

    shifted: float = 0.1
    drifted: float = 0.25
    least: int = 50


@dataclass(frozen=True)
class Drift:
    """How far one feature is from its reference.

    Attributes:
        feature: "brightness", "classes", "score" ...
        verdict: stable, shifted, drifted or unknown.
        psi: population stability index; None if it could not be had.
        distance: KS: largest difference of the distributions, 0..1; None of classes.
        p_value: how often chance alone brings such a difference.
        num: size of the sample.
        words: the verdict in a sentence.
    """

    feature: str
    verdict: str
    psi: float | None
    distance: float | None
    p_value: float | None
    num: int
    words: str


def drifts(
    reference: Reference,
    features: Mapping[str, Sequence[float]],
    classes: Mapping[str, float],
    numbers: Mapping[str, Sequence[float]],
    limits: Limits = Limits(),
) -> list[Drift]:
    """Return the drift of each thing that both sides have, image features first.

    Args:
        reference: of the model.
        features: name -> one value per image.
        classes: label -> how often it was said.
        numbers: as `Reference.numbers`, all values.
        limits: of verdicts.
    """
    found = [
        of_numbers(name, grid, features.get(name, ()), reference.num_images, limits)
        for name, grid in reference.features.items()
        if grid
    ]
    if not reference.num_predicted:
        return found
    if reference.classes:
        found.append(of_classes(reference.classes, classes, limits))
    for name, grid in reference.numbers.items():
        found.append(of_numbers(name, grid, numbers.get(name, ()), len(grid), limits))
    return found


def of_numbers(
    feature: str, grid: Sequence[float], values: Sequence[float], num_reference: int, limits: Limits
) -> Drift:
    """Return the drift of numbers.

    Args:
        feature: what they are.
        grid: of the reference, ascending, at even quantiles.
        values: the sample.
        num_reference: how many the grid stands for.
        limits: of verdicts.
    """
    before, now = np.asarray(grid, np.float64), np.sort(np.asarray(values, np.float64))
    if len(now) < limits.least:
        return _too_few(feature, len(now), limits)
    psi = _psi(*_shares(before, now))
    distance = _distance(before, now)
    effective = len(now) * num_reference / (len(now) + num_reference)
    p_value = float(kolmogorov(math.sqrt(effective) * distance))
    verdict = _verdict(psi, p_value, limits)
    middle, former = float(np.median(now)), float(np.median(before))
    words = {
        STABLE: f"as in training: median {middle:.4g}, then {former:.4g}",
        SHIFTED: f"somewhat different: median {middle:.4g}, in training {former:.4g}",
        DRIFTED: f"not as in training: median {middle:.4g}, in training {former:.4g}",
    }[verdict]
    return Drift(feature, verdict, psi, distance, p_value, len(now), words)


def of_classes(before: Mapping[str, float], now: Mapping[str, float], limits: Limits) -> Drift:
    """Return the drift of how often classes were said."""
    labels = sorted(one for one in {*before, *now} if before.get(one) or now.get(one))
    former = np.asarray([before.get(label, 0.0) for label in labels])
    counts = np.asarray([now.get(label, 0.0) for label in labels])
    if counts.sum() < limits.least or not former.sum():
        return _too_few("classes", int(counts.sum()), limits)
    was, is_now = former / former.sum(), counts / counts.sum()
    psi = _psi(was, is_now)
    p_value = float(chi2_contingency(np.stack([former, counts])).pvalue) if len(labels) > 1 else 1.0
    verdict = _verdict(psi, p_value, limits)
    most = int(np.argmax(np.abs(is_now - was)))
    change = f"{labels[most]} {100 * is_now[most]:.0f} %, in training {100 * was[most]:.0f} %"
    words = {STABLE: "as in training", SHIFTED: "somewhat different", DRIFTED: "not as in training"}
    return Drift(
        "classes", verdict, psi, None, p_value, int(counts.sum()), f"{words[verdict]}: {change}"
    )


def worst(found: Sequence[Drift]) -> str:
    """Return the worst verdict; unknown if nothing could be judged."""
    there = {one.verdict for one in found}
    return next((one for one in (DRIFTED, SHIFTED, STABLE) if one in there), UNKNOWN)


def _shares(
    before: NDArray[np.float64], now: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the shares of both in bins of the reference: its deciles, or its few values and the rest."""
    few = np.unique(before)
    if len(few) <= _BINS:
        was = np.asarray([*(np.isclose(before, v).mean() for v in few), 0.0])
        is_now = [np.isclose(now, v).mean() for v in few]
        return was, np.asarray([*is_now, max(1.0 - sum(is_now), 0.0)])
    inner = np.unique(np.quantile(before, np.linspace(0, 1, _BINS + 1)[1:-1]))
    bins = len(inner) + 1
    was = np.bincount(np.searchsorted(inner, before, "right"), minlength=bins) / len(before)
    return was, np.bincount(np.searchsorted(inner, now, "right"), minlength=bins) / len(now)


def _psi(was: NDArray[np.float64], now: NDArray[np.float64]) -> float:
    was, now = np.maximum(was, _EPSILON), np.maximum(now, _EPSILON)
    return float(((now - was) * np.log(now / was)).sum())


def _distance(before: NDArray[np.float64], now: NDArray[np.float64]) -> float:
    """Return the KS distance; equal values are one step."""
    at = np.union1d(before, now)
    was = np.searchsorted(before, at, "right") / len(before)
    return float(np.abs(was - np.searchsorted(now, at, "right") / len(now)).max())


def _verdict(psi: float, p_value: float, limits: Limits) -> str:
    if p_value >= P_VALUE or psi < limits.shifted:
        return STABLE
    return DRIFTED if psi >= limits.drifted else SHIFTED


def _too_few(feature: str, num: int, limits: Limits) -> Drift:
    words = f"not judged yet: {num} seen, {limits.least} are needed"
    return Drift(feature, UNKNOWN, None, None, None, num, words)
