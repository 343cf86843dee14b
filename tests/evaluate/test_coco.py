"""Box and mask AP equal pycocotools; the order of batches and ranks changes nothing."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from coco_reference import coco_stats, label_space, problem

from cvcore.errors import ConfigError, DataError, ModelError
from cvcore.evaluate.coco import CocoMetric
from cvcore.evaluate.names import describe

PROBLEMS = {
    "plain": {"num_images": 25},
    "equal scores": {"num_images": 25, "score_levels": 4},
    "one score": {"num_images": 12, "score_levels": 1},
    "absent classes": {"num_images": 10, "num_classes": 6, "absent": (0, 3, 5)},
    "no objects": {"num_images": 4, "max_objects": 0},
    "no detections": {"num_images": 4, "max_objects": 0, "max_detections": 0},
    "over the limit": {"num_images": 6, "num_classes": 2, "max_detections": 350},
    "one class": {"num_images": 10, "num_classes": 1},
    "text ids": {"num_images": 10, "text_ids": True, "score_levels": 3},
}


def evaluated(predictions, truths, labels, kind, max_detections=100):
    metric = CocoMetric(labels, (kind,), max_detections)
    metric.update(predictions, truths)
    return metric


def assert_same(metric, reference):
    prefix = "mask_" if metric.iou_types == ("segm",) else ""
    found = metric.compute()
    assert set(found) == {prefix + key for key in reference}
    for key, value in reference.items():
        assert found[prefix + key] == pytest.approx(value, abs=1e-6, nan_ok=True), key


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("case", PROBLEMS)
def test_box_figures_equal_pycocotools(case, seed):
    predictions, truths = problem(seed, **PROBLEMS[case])
    labels = label_space(PROBLEMS[case].get("num_classes", 4))
    metric = evaluated(predictions, truths, labels, "bbox")
    assert_same(metric, coco_stats(predictions, truths, labels, "bbox"))


@pytest.mark.parametrize("case", ["plain", "equal scores", "absent classes", "no objects"])
def test_mask_figures_equal_pycocotools(case):
    predictions, truths = problem(7, **PROBLEMS[case], with_masks=True)
    labels = label_space(PROBLEMS[case].get("num_classes", 4))
    metric = evaluated(predictions, truths, labels, "segm")
    assert_same(metric, coco_stats(predictions, truths, labels, "segm"))


@pytest.mark.parametrize("limit", [1, 5, 10, 20, 300])
def test_other_limits_of_detections(limit):
    predictions, truths = problem(3, 8, num_classes=2, max_detections=150)
    labels = label_space(2)
    metric = evaluated(predictions, truths, labels, "bbox", limit)
    assert f"AR_{limit}" in metric.compute()
    assert_same(metric, coco_stats(predictions, truths, labels, "bbox", limit))


def split_merged(make, predictions, truths, num_shards):
    """Several processes' metrics, each of every n-th image in its own order, merged."""
    shards = []
    for shard in range(num_shards):
        metric = make()
        for p, t in list(zip(predictions, truths, strict=True))[shard::num_shards][::-1]:
            metric.update([p], [t])
        shards.append(pickle.loads(pickle.dumps(metric.state())))
    merged = make()
    for state in shards[::-1]:
        merged.merge(state)
    return merged


@pytest.mark.parametrize("num_shards", [1, 2, 4])
def test_ranks_and_order_change_nothing(num_shards):
    predictions, truths = problem(5, 23, score_levels=3, with_masks=True)
    labels = label_space(4)
    kinds = ("bbox", "segm")
    whole = CocoMetric(labels, kinds)
    whole.update(predictions, truths)
    merged = split_merged(lambda: CocoMetric(labels, kinds), predictions, truths, num_shards)
    np.testing.assert_equal(merged.compute(), whole.compute())
    np.testing.assert_equal(merged.per_class(), whole.per_class())


def test_an_image_seen_twice_counts_once():
    predictions, truths = problem(6, 9)
    labels = label_space(4)
    once = evaluated(predictions, truths, labels, "bbox")
    twice = evaluated(predictions + predictions[:4], truths + truths[:4], labels, "bbox")
    twice.merge(once.state())
    assert twice.compute() == once.compute()


def test_every_figure_is_described():
    metric = CocoMetric(label_space(2), ("bbox", "segm"), 50)
    for key in metric.compute():
        assert describe(key).key == key
    with pytest.raises(ConfigError, match="Did you mean 'top1'"):
        describe("top11")


def test_faults_are_sentences():
    predictions, truths = problem(1, 1, num_classes=2)
    with pytest.raises(ConfigError, match="keypoints"):
        CocoMetric(label_space(2), ("keypoints",))
    with pytest.raises(ModelError, match="no masks"):
        CocoMetric(label_space(2), ("segm",)).update(predictions, truths)
    predictions, _ = problem(1, 1, num_classes=2, with_masks=True)
    with pytest.raises(DataError, match="no masks"):
        CocoMetric(label_space(2), ("segm",)).update(predictions, truths)
    predictions, truths = problem(1, 1, num_classes=4)
    with pytest.raises(ModelError, match="0 to 0"):
        CocoMetric(label_space(1)).update(predictions, truths)
    predictions[0].scores_N[0] = np.nan
    with pytest.raises(ModelError, match="not finite"):
        CocoMetric(label_space(4)).update(predictions, truths)
