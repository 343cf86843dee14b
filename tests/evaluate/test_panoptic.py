"""PQ equals an independent count from the paper's definition, void and crowds included."""

from __future__ import annotations

import numpy as np
import pytest
from panoptic_reference import label_space, panoptic_image, panoptic_quality

from cvcore.data.samples import Prediction, Target, Truth
from cvcore.errors import DataError, ModelError
from cvcore.evaluate.panoptic import PanopticMetric


@pytest.mark.parametrize("seed", range(12))
def test_equals_the_definition(seed):
    rng = np.random.default_rng(seed)
    pairs = [panoptic_image(rng, i) for i in range(8)]
    metric = PanopticMetric(label_space())
    metric.update(*zip(*pairs, strict=True))
    reference = panoptic_quality(pairs, 6)
    found = metric.compute()
    for suffix, classes in (
        ("", set(range(6))),
        ("_things", {0, 2, 4}),
        ("_stuff", {1, 3, 5}),
    ):
        for i, key in enumerate(("PQ", "SQ", "RQ")):
            values = [value[i] for k, value in reference.items() if k in classes]
            expected = np.mean(values) if values else float("nan")
            assert found[key + suffix] == pytest.approx(expected, abs=1e-6, nan_ok=True)
    for k, row in enumerate(metric.per_class().values()):
        expected = reference.get(k, (float("nan"),) * 3)
        assert (row["PQ"], row["SQ"], row["RQ"]) == pytest.approx(expected, abs=1e-6, nan_ok=True)


def one_image(truth_map, found_map, labels=(0,), found_labels=(0,), iscrowd=None):
    def ids(pixels):
        return np.array([i for i in np.unique(pixels) if i], np.int64)

    truth_map, found_map = np.array(truth_map, np.int32), np.array(found_map, np.int32)
    target = Target(
        segment_ids_HW=truth_map,
        segment_ids_N=ids(truth_map),
        labels_N=np.array(labels),
        iscrowd_N=None if iscrowd is None else np.array(iscrowd),
    )
    metric = PanopticMetric(label_space())
    prediction = Prediction(
        1, segment_ids_HW=found_map, segment_ids_N=ids(found_map), labels_N=np.array(found_labels)
    )
    metric.update([prediction], [Truth(1, truth_map.shape, target)])
    return metric


def test_void_pixels_leave_the_union():
    metric = one_image([[5, 5, 0, 0]], [[9, 9, 9, 9]])
    assert metric.compute()["PQ"] == 1.0


def test_a_segment_mostly_on_its_crowd_is_no_error():
    excused = one_image([[5, 5, 5, 6]], [[9, 9, 9, 0]], (0, 0), (0,), (True, False))
    assert excused.per_class()["c0"]["FP"] == 0
    wrong = one_image([[5, 5, 5, 6]], [[9, 9, 9, 0]], (0, 0), (2,), (True, False))
    assert wrong.per_class()["c2"]["FP"] == 1


def test_iou_of_one_half_is_no_match():
    row = one_image([[1, 5]], [[9, 9]], (0, 2), (2,)).per_class()["c2"]
    assert (row["TP"], row["FP"], row["FN"]) == (0, 1, 1)


def test_undeclared_segment_is_refused():
    truth = Truth(
        1,
        (1, 2),
        Target(
            segment_ids_HW=np.zeros((1, 2), np.int32),
            segment_ids_N=np.zeros(0, np.int64),
            labels_N=np.zeros(0, np.int64),
        ),
    )
    found = Prediction(
        1,
        segment_ids_HW=np.array([[3, 3]], np.int32),
        segment_ids_N=np.zeros(0, np.int64),
        labels_N=np.zeros(0, np.int64),
    )
    with pytest.raises(ModelError, match=r"segment ids \[3\]"):
        PanopticMetric(label_space()).update([found], [truth])


def test_truth_of_another_task_is_refused():
    with pytest.raises(DataError, match="segment_ids_HW"):
        PanopticMetric(label_space()).update([Prediction(1)], [Truth(1, (2, 2), Target())])
