"""mIoU and its family equal scikit-learn's and the direct definition."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from coco_reference import label_space
from sklearn.metrics import confusion_matrix, jaccard_score

from cvcore.data.samples import Prediction, Target, Truth
from cvcore.errors import ModelError
from cvcore.evaluate.names import describe
from cvcore.evaluate.semantic import SemanticMetric


def images(seed, num, num_labels=5, absent=()):
    rng = np.random.default_rng(seed)
    classes = [k for k in range(num_labels) if k not in absent]
    for i in range(num):
        hw = tuple(int(v) for v in rng.integers(5, 40, 2))
        true = np.repeat(rng.choice([*classes, 255], (hw[0], 1)), hw[1], axis=1).astype(np.uint8)
        found = np.where(rng.random(hw) < 0.6, true, rng.choice(classes, hw)).astype(np.uint8)
        found[found == 255] = classes[0]
        yield Prediction(i, semantic_HW=found), Truth(i, hw, Target(semantic_HW=true))


def evaluated(pairs, num_labels=5):
    metric = SemanticMetric(label_space(num_labels))
    for prediction, truth in pairs:
        metric.update([prediction], [truth])
    return metric


@pytest.mark.parametrize("absent", [(), (1, 4)])
def test_equals_the_definition(absent):
    pairs = list(images(1, 12, absent=absent))
    metric = evaluated(pairs)
    true = np.concatenate([t.target.semantic_HW.ravel() for _, t in pairs])
    found = np.concatenate([p.semantic_HW.ravel() for p, _ in pairs])
    true, found = true[true != 255], found[true != 255]
    confusion = confusion_matrix(true, found, labels=range(5))
    assert (metric.confusion() == confusion).all()
    assert metric.confusion().dtype == np.uint64
    figures = metric.compute()
    assert figures["mIoU"] == pytest.approx(jaccard_score(true, found, average="macro"), abs=1e-9)
    weighted = jaccard_score(true, found, average="weighted")
    assert figures["fwIoU"] == pytest.approx(weighted, abs=1e-9)
    assert figures["pixel_accuracy"] == pytest.approx((true == found).mean(), abs=1e-9)
    recalls = [(found[true == k] == k).mean() for k in np.unique(true)]
    assert figures["mean_accuracy"] == pytest.approx(np.mean(recalls), abs=1e-9)
    rows = metric.per_class()
    for k, row in enumerate(rows.values()):
        if k in absent:
            assert np.isnan(row["IoU"])
        else:
            union = ((true == k) | (found == k)).sum()
            inter = ((true == k) & (found == k)).sum()
            assert row["IoU"] == pytest.approx(inter / union)
    assert all(describe(key).key == key for key in figures)


@pytest.mark.parametrize("num_shards", [2, 4])
def test_ranks_and_repeated_images_change_nothing(num_shards):
    pairs = list(images(2, 10))
    whole = evaluated(pairs)
    merged = SemanticMetric(label_space(5))
    for shard in range(num_shards):
        part = evaluated([*pairs[shard::num_shards], pairs[0]])
        merged.merge(pickle.loads(pickle.dumps(part.state())))
    assert merged.compute() == whole.compute()
    assert (merged.confusion() == whole.confusion()).all()


def test_only_unlabelled_pixels():
    truth = Truth(1, (2, 2), Target(semantic_HW=np.full((2, 2), 255, np.uint8)))
    metric = evaluated([(Prediction(1, semantic_HW=np.zeros((2, 2), np.uint8)), truth)])
    assert np.isnan(list(metric.compute().values())).all()


def test_counts_beyond_32_bits():
    metric = evaluated([])
    rows = np.array(
        [(0, 0, 4_000_000_000)], [("truth", "u2"), ("predicted", "u2"), ("pixels", "u4")]
    )
    for i in range(3):
        metric.merge({"ids": [i], "groups": {"cells": (np.array([1]), rows)}})
    assert metric.confusion()[0, 0] == 12_000_000_000


def test_a_map_of_another_size_is_refused():
    truth = Truth("a.png", (2, 2), Target(semantic_HW=np.zeros((2, 2), np.uint8)))
    with pytest.raises(ModelError, match=r"'a.png'.*\(3, 2\).*\(2, 2\)"):
        evaluated([(Prediction("a.png", semantic_HW=np.zeros((3, 2), np.uint8)), truth)])
