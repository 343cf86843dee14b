"""Weights repeat images; intervals are seeded and hold the figure; models are compared."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from problems import TASKS, classification, evaluated

from cvcore.errors import DataError
from cvcore.evaluate.bootstrap import compare, draws, intervals


@pytest.mark.parametrize("task", TASKS)
def test_a_weight_is_that_many_images(task):
    make, pairs = TASKS[task]()
    weights = draws(len(pairs), 3, seed=1)
    pairs = sorted(pairs, key=lambda pair: pair[1].image_id)
    found = evaluated(make, pairs).resampled(weights)
    for b in range(3):
        # Copies follow their original in the order of ids, so equal scores keep their order.
        repeated = []
        for (prediction, truth), weight in zip(pairs, weights[b], strict=True):
            for copy in range(weight):
                new = truth.image_id * 1000 + copy
                repeated.append((replace(prediction, image_id=new), replace(truth, image_id=new)))
        expected = evaluated(make, repeated).compute()
        for key, values in found.items():
            assert values[b] == pytest.approx(expected[key], abs=1e-9, nan_ok=True), key


@pytest.mark.parametrize("task", TASKS)
def test_intervals_hold_the_figure_and_are_seeded(task):
    make, pairs = TASKS[task]()
    metric = evaluated(make, pairs)
    figures = metric.compute()
    found = intervals(metric, 50, seed=3)
    assert found
    for key, interval in found.items():
        assert 0 <= interval.low <= figures[key] <= interval.high <= 1, key
    backwards = evaluated(make, pairs[::-1])
    assert intervals(backwards, 50, seed=3) == found
    assert intervals(metric, 50, seed=4) != found
    assert intervals(metric, 0) == intervals(make(), 50) == {}


@pytest.mark.parametrize(
    ("task", "key"),
    [
        ("classification", "top1"),
        ("detection", "AP"),
        ("instances", "mask_AP"),
        ("semantic", "mIoU"),
        ("panoptic", "PQ"),
    ],
)
def test_more_images_make_the_interval_narrow(task, key):
    widths = []
    for num in (30, 270):
        found = intervals(evaluated(*TASKS[task](num)), 100, seed=1)[key]
        widths.append(found.high - found.low)
    # By the square root of the number of images, a third; the draws themselves are noisy.
    assert 0.15 < widths[1] / widths[0] < 0.6


def test_the_interval_of_a_share_is_the_textbooks():
    make, pairs = classification(400)
    metric = evaluated(make, pairs)
    share = metric.compute()["top1"]
    found = intervals(metric, 800, seed=2)["top1"]
    half = 1.96 * (share * (1 - share) / 400) ** 0.5
    assert found.low == pytest.approx(share - half, abs=0.25 * half)
    assert found.high == pytest.approx(share + half, abs=0.25 * half)


def test_paired_test_tells_a_better_model_from_the_same():
    make, pairs = classification(120)
    first = evaluated(make, pairs)
    truth = np.eye(7, dtype=np.float32)
    better = [
        (replace(p, scores_K=truth[t.target.class_index]) if i % 2 else p, t)
        for i, (p, t) in enumerate(pairs)
    ]
    difference = compare(first, evaluated(make, better))["top1"]
    assert 0 < difference.low < difference.value < difference.high
    assert difference.p_value < 0.01
    same = compare(first, first)["top1"]
    assert (same.value, same.p_value) == (0.0, 1.0)


def test_other_images_can_not_be_compared():
    make, pairs = classification()
    with pytest.raises(DataError, match="differ in 1 images"):
        compare(evaluated(make, pairs), evaluated(make, pairs[1:]))
