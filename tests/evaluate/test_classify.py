"""Accuracy, F1, precision, recall and confusion equal scikit-learn's."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from coco_reference import label_space
from sklearn import metrics as sk

from cvcore.data.samples import Prediction, Target, Truth
from cvcore.errors import DataError, ModelError
from cvcore.evaluate.classify import ClassificationMetric
from cvcore.evaluate.names import describe


def images(seed, num, num_labels=8, absent=()):
    rng = np.random.default_rng(seed)
    present = [k for k in range(num_labels) if k not in absent]
    scores = rng.dirichlet(np.ones(num_labels), num).astype(np.float32)
    scores[:, list(absent)] = 0
    true = rng.choice(present, num)
    scores[np.arange(num), true] += 0.2 * rng.random(num).astype(np.float32)
    scores /= scores.sum(axis=1, keepdims=True)
    pairs = [
        (Prediction(i, scores_K=scores[i]), Truth(i, (4, 4), Target(class_index=int(true[i]))))
        for i in range(num)
    ]
    return pairs, true, scores


def evaluated(pairs, num_labels=8):
    metric = ClassificationMetric(label_space(num_labels))
    metric.update([p for p, _ in pairs], [t for _, t in pairs])
    return metric


@pytest.mark.parametrize("absent", [(), (0, 6)])
def test_equals_scikit_learn(absent):
    pairs, true, scores = images(3, 200, absent=absent)
    found = scores.argmax(axis=1)
    metric = evaluated(pairs)
    figures = metric.compute()
    mean = {"average": "macro", "zero_division": 0}
    expected = {
        "top1": sk.accuracy_score(true, found),
        "top5": sk.top_k_accuracy_score(true, scores, k=5, labels=range(8)),
        "macro_f1": sk.f1_score(true, found, **mean),
        "weighted_f1": sk.f1_score(true, found, average="weighted", zero_division=0),
        "macro_precision": sk.precision_score(true, found, **mean),
        "macro_recall": sk.recall_score(true, found, **mean),
    }
    for key, value in expected.items():
        assert figures[key] == pytest.approx(value, abs=1e-9), key
    assert (metric.confusion() == sk.confusion_matrix(true, found, labels=range(8))).all()
    assert all(describe(key).key == key for key in figures)
    assert [row["num_images"] for row in metric.per_class().values()] == [
        (true == k).sum() for k in range(8)
    ]


def test_calibration_error_of_known_cases():
    def answer(i, score, right):
        scores = np.array([score, 1 - score], np.float32)
        return Prediction(i, scores_K=scores), Truth(i, (1, 1), Target(class_index=int(not right)))

    pairs = [answer(i, 0.75, i < 3) for i in range(4)]
    assert evaluated(pairs, 2).compute()["ece"] == pytest.approx(0, abs=1e-6)
    pairs = [answer(i, 0.9, i < 1) for i in range(2)]
    assert evaluated(pairs, 2).compute()["ece"] == pytest.approx(0.4, abs=1e-6)


def test_few_classes_have_no_top5():
    pairs, _, _ = images(1, 10, num_labels=3)
    assert "top5" not in evaluated(pairs, 3).compute()


def test_ranks_and_repeated_images_change_nothing():
    pairs, _, _ = images(4, 50)
    whole = evaluated(pairs)
    merged = evaluated(pairs[30:])
    merged.merge(pickle.loads(pickle.dumps(evaluated(pairs[:35][::-1]).state())))
    assert merged.compute() == whole.compute()


def test_nothing_seen_is_nan():
    assert np.isnan(list(evaluated([]).compute().values())).all()


def test_faults_are_sentences():
    pairs, _, _ = images(5, 1, num_labels=3)
    with pytest.raises(ModelError, match="3 scores for 8 classes"):
        evaluated(pairs, 8)
    with pytest.raises(DataError, match="class_index"):
        evaluated([(pairs[0][0], Truth(1, (1, 1), Target()))], 3)
    with pytest.raises(ModelError, match="not finite"):
        evaluated([(Prediction(1, scores_K=np.full(3, np.nan, np.float32)), pairs[0][1])], 3)
