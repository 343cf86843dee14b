"""Drift: what is the same gives no alarm, what is not does, few images give no verdict."""

import numpy as np
import pytest

from cvcore.monitor.answers import Said, said
from cvcore.monitor.drift import DRIFTED, SHIFTED, STABLE, UNKNOWN, Limits, of_classes, of_numbers
from cvcore.monitor.features import UNITS, image_features
from cvcore.monitor.reference import quantiles

LIMITS = Limits()


def test_a_sample_of_the_same_hardly_ever_alarms() -> None:
    rng = np.random.default_rng(0)
    grid = quantiles(rng.normal(size=400))
    verdicts = [of_numbers("x", grid, rng.normal(size=60), 400, LIMITS).verdict for _ in range(300)]
    assert verdicts.count(DRIFTED) + verdicts.count(SHIFTED) <= 6  # 2 %


@pytest.mark.parametrize(("by", "times"), [(1.0, 1.0), (0.0, 3.0), (-2.0, 0.5)])
def test_another_place_or_width_is_drift(by: float, times: float) -> None:
    rng = np.random.default_rng(1)
    found = of_numbers(
        "x", quantiles(rng.normal(size=4000)), rng.normal(size=200) * times + by, 4000, LIMITS
    )
    assert found.verdict == DRIFTED
    assert found.p_value is not None
    assert found.p_value < 1e-6


def test_one_size_of_images_and_then_another() -> None:
    same = of_numbers("width", [96.0] * 129, [96.0] * 60, 400, LIMITS)
    other = of_numbers("width", [96.0] * 129, [97.0] * 60, 400, LIMITS)
    assert (same.verdict, same.psi) == (STABLE, 0.0)
    assert other.verdict == DRIFTED


def test_classes_and_a_class_that_was_never_said() -> None:
    before = {"cat": 500.0, "dog": 500.0}
    assert of_classes(before, {"cat": 49, "dog": 51}, LIMITS).verdict == STABLE
    found = of_classes(before, {"cat": 40, "dog": 40, "cow": 20}, LIMITS)
    assert found.verdict == DRIFTED
    assert "cow 20 %, in training 0 %" in found.words
    assert of_classes(before, {"cat": 9.0}, LIMITS).verdict == UNKNOWN


def test_features_are_what_they_are_called() -> None:
    image_HW3 = np.zeros((40, 80, 3), np.uint8)
    image_HW3[..., 0] = 200
    found = image_features(image_HW3)
    assert set(found) == set(UNITS)
    assert (found["red"], found["green"], found["aspect"]) == (200.0, 0.0, 2.0)
    assert found["saturation"] == 255
    noise = np.random.default_rng(0).integers(0, 255, (40, 80, 3)).astype(np.uint8)
    assert image_features(noise)["sharpness"] > found["sharpness"] + 2


def test_answers_of_every_task_in_one_form() -> None:
    box = {"label": "a", "score": 0.5, "box": [0, 0, 10, 20]}
    assert said({"objects": [box]})[0].box_side((20, 40)) == 0.5
    scores = [{"label": "a", "score": 0.9}, {"label": "b", "score": 0.1}]
    assert said({"classes": scores}) == [Said("a", 0.9)]
    assert said({"classes": [{"label": "a", "fraction": 0.25}], "label_map": ""}) == [
        Said("a", weight=0.25)
    ]
    assert said({"segments": [{"id": 1, "label": "a", "score": None}]}) == [Said("a")]
