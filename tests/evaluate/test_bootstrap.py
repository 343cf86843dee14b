"""Weights repeat images; intervals are seeded and hold the figure; models are compared."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from coco_reference import label_space, problem
from panoptic_reference import label_space as panoptic_labels
from panoptic_reference import panoptic_image

from cvcore.data.samples import Prediction, Target, Truth
from cvcore.errors import DataError
from cvcore.evaluate.bootstrap import compare, draws, intervals
from cvcore.evaluate.classify import ClassificationMetric
from cvcore.evaluate.coco import CocoMetric
from cvcore.evaluate.panoptic import PanopticMetric
from cvcore.evaluate.semantic import SemanticMetric


def detection(num=14):
    pairs = zip(*problem(2, num, with_masks=True), strict=True)
    return lambda: CocoMetric(label_space(4), ("bbox", "segm")), list(pairs)


def panoptic(num=14):
    rng = np.random.default_rng(4)
    return lambda: PanopticMetric(panoptic_labels()), [panoptic_image(rng, i) for i in range(num)]


def semantic(num=14):
    rng = np.random.default_rng(5)
    maps = rng.integers(0, 4, (num, 2, 9, 7)).astype(np.uint8)
    pairs = [
        (Prediction(i, semantic_HW=a), Truth(i, (9, 7), Target(semantic_HW=np.minimum(a, b))))
        for i, (a, b) in enumerate(maps)
    ]
    return lambda: SemanticMetric(label_space(4)), pairs


def classification(num=30):
    rng = np.random.default_rng(6)
    scores = rng.dirichlet(np.ones(7), num).astype(np.float32)
    pairs = [
        (Prediction(i, scores_K=s), Truth(i, (1, 1), Target(class_index=int(rng.integers(0, 7)))))
        for i, s in enumerate(scores)
    ]
    return lambda: ClassificationMetric(label_space(7)), pairs


TASKS = {x.__name__: x for x in (detection, panoptic, semantic, classification)}


def evaluated(make, pairs):
    metric = make()
    metric.update([p for p, _ in pairs], [t for _, t in pairs])
    return metric


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
