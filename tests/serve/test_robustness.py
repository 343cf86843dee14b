"""What makes an image worse does what it says, and the truth turns with the image."""

from __future__ import annotations

import numpy as np
import pytest

from cvcore.data import masks
from cvcore.data.samples import Sample, Target
from cvcore.serve.robustness.change import turn, worsen
from cvcore.serve.robustness.record import CHANGES, markdown, shown, text


def scene(with_mask: bool) -> tuple[Sample, np.ndarray]:
    """Return a bright ellipse with its box, and its mask."""
    yy, xx = np.mgrid[:80, :120]
    inside = ((xx - 45.5) / 20) ** 2 + ((yy - 40.5) / 10) ** 2 <= 1
    image = np.where(inside[..., None], 230, 20).astype(np.uint8).repeat(3, axis=2)
    target = Target(
        boxes_N4=np.array([[26, 31, 40, 20]], np.float32),
        labels_N=np.array([0]),
        areas_N=np.array([float(inside.sum())], np.float32),
        iscrowd_N=np.array([False]),
        masks=[masks.encode(inside)] if with_mask else None,
    )
    return Sample(1, image, target, "scene", (80, 120)), inside


@pytest.mark.parametrize("change", [name for name in CHANGES if name != "rotation"])
def test_each_severity_is_further_from_the_image_and_repeatable(change: str) -> None:
    image = np.random.default_rng(1).integers(30, 200, (48, 48, 3), dtype=np.uint8)
    image = np.repeat(np.repeat(image[::8, ::8], 8, 0), 8, 1)
    away = []
    for value in CHANGES[change][0]:
        worse = worsen(image, change, value, np.random.default_rng(0))
        assert (worse.shape, worse.dtype) == (image.shape, image.dtype)
        assert np.array_equal(worse, worsen(image, change, value, np.random.default_rng(0)))
        away.append(float(np.abs(worse.astype(int) - image).mean()))
    assert 0 < away[0] < away[1] < away[2]


@pytest.mark.parametrize("with_mask", [False, True])
def test_boxes_turn_with_the_image(with_mask: bool) -> None:
    sample, _ = scene(with_mask)
    for degrees in (-20.0, 10.0):
        turned = turn(sample, degrees, (0, 0, 0))
        ys, xs = np.nonzero(turned.image_HW3[..., 0] > 125)
        seen = [xs.min(), ys.min(), xs.max() + 1 - xs.min(), ys.max() + 1 - ys.min()]
        assert turned.target.boxes_N4 is not None
        np.testing.assert_allclose(turned.target.boxes_N4[0], seen, atol=1.5)
        assert turned.size_hw == (80, 120)


def test_what_leaves_the_image_is_not_asked_for() -> None:
    sample, _ = scene(False)
    sample.target.boxes_N4 = np.array([[26, 31, 40, 20], [0, 0, 6, 6]], np.float32)
    sample.target.labels_N = np.array([0, 1])
    sample.target.areas_N = np.array([100.0, 36.0], np.float32)
    sample.target.iscrowd_N = np.array([False, False])
    turned = turn(sample, 20, (0, 0, 0)).target
    assert turned.labels_N is not None
    assert turned.labels_N.tolist() == [0]
    assert turned.iscrowd_N is not None
    assert len(turned.iscrowd_N) == 1


def test_the_card_shows_what_is_left_and_what_is_undefined() -> None:
    rows = [
        {"change": c, "severity": i, "setting": shown(c, v), "value": 0.4, "kept": kept}
        for c, kept in (("blur", 0.8), ("jpeg", None))
        for i, v in enumerate(CHANGES[c][0], 1)
    ]
    record = {
        "metric": "AP", "split": "test", "num_images": 1200, "clean": 0.5, "rows": rows,
        "kept": {"blur": 0.8, "jpeg": None}, "mean": None,
    }  # fmt: skip
    assert (
        "| blur | 80 % (sigma 1 px) | 80 % (sigma 2 px) | 80 % (sigma 4 px) | 80 % |"
        in markdown(record)
    )
    assert "1,200 images of test: 0.5000" in text(record)
    assert "jpeg          -" in text(record)
