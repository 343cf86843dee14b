"""What an evaluation keeps: every figure again, other thresholds, errors taken away, slices."""

import json

import numpy as np
import pytest

from cvcore.evaluate import errors, fixed, kept, lines, truths
from cvcore.evaluate.bootstrap import compare
from cvcore.evaluate.coco import CocoMetric
from cvcore.evaluate.operating import Thresholds
from cvcore.evaluate.slices import slices


def test_the_kept_metric_gives_every_figure_and_the_truth_of_every_image(report) -> None:
    summary = json.loads((report.folder / "report.json").read_text())
    metric = kept.load(report.folder / kept.FILE)
    again = {k: v if v == v else None for k, v in metric.compute().items()}
    assert again == {key: row["value"] for key, row in summary["metrics"].items()}
    assert all(d.value == 0 or d.value != d.value for d in compare(metric, metric, 20).values())

    written = lines.ImageLines(report.folder / truths.FILE)
    ids = [label.source_id for label in metric.labels.labels]
    for truth in report.truths:
        (row,) = written.of(truth.image_id)
        assert row["answers"] == json.loads(json.dumps(list(truths.answers(truth.target, ids))))
        assert tuple(row["size_hw"]) == truth.size_hw
    assert not written.of("no such image")

    facts = [{"light": "day" if i % 2 else "night", "n": i} for i in range(len(report.truths))]
    found = slices(metric, facts)
    assert {(one.key, one.value) for one in found} >= {("light", "day"), ("light", "night")}
    weights = np.array([[i % 2 for i in range(len(facts))]])
    day = next(one for one in found if one.value == "day")
    for key, values in metric.resampled(weights).items():
        assert day.figures[key] == pytest.approx(float(values[0]), nan_ok=True)


OBJECTS = [
    (kind, answers)
    for kind in ("detection", "instance_segmentation")
    for answers in ("oracle", "model")
]


@pytest.mark.parametrize("report", OBJECTS, indirect=True, ids="-".join)
def test_counts_at_a_threshold_are_those_of_the_judged_detections(report) -> None:
    metric = kept.load(report.folder / kept.FILE)
    assert isinstance(metric, CocoMetric)
    kind = metric.iou_types[-1]
    counting = Thresholds(metric, kind)
    for threshold in (0.0, 0.3, 0.55, 1.0):
        thresholds = [threshold] * len(metric.labels)
        judged = errors.judge(metric, kind, thresholds)
        for k, one in enumerate(counting.counts(thresholds)):
            of_class = judged.label_R == k
            assert one.tp == np.count_nonzero(of_class & (judged.error_R == 0))
            assert one.fp == np.count_nonzero(of_class & judged.wrong)
            assert one.tp + one.fn == np.count_nonzero(judged.counts_M & (judged.label_M == k))
    points = errors.operating_points(metric, kind)
    best = counting.counts([point.threshold for point in points])
    for point, one in zip(points, best, strict=True):
        if point.f1 == point.f1:
            assert one.f1 == pytest.approx(point.f1)

    rises = fixed.gains(metric, kind)
    assert set(rises) == set(errors.MEANINGS)
    assert all(rise >= -1e-9 for rise in rises.values() if rise == rise)
    ap50 = metric.compute()["mask_AP50" if kind == "segm" else "AP50"]
    assert all(ap50 + rise <= 1 + 1e-9 for rise in rises.values() if rise == rise)
