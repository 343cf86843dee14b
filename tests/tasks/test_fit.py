"""Boxes and maps come back to where they were in the image, stretched or letterboxed."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cvcore.config.schema import ModelConf
from cvcore.data.samples import IGNORE_INDEX, Sample, Target
from cvcore.data.transforms import fit_transform
from cvcore.tasks.fit import Fit
from cvcore.tasks.semantic import best_class
from cvcore.tasks.targets import class_and_boxes

side = st.integers(20, 200)


@settings(deadline=None, max_examples=60)
@given(side, side, st.sampled_from(["stretch", "letterbox"]), st.integers(0, 1000))
def test_a_box_returns(height: int, width: int, resize: str, seed: int) -> None:
    random = np.random.default_rng(seed)
    corner = random.uniform(0, 0.5, (3, 2)) * [width, height]
    size = random.uniform(0.1, 0.5, (3, 2)) * [width, height]
    boxes_N4 = np.concatenate([corner, size], 1).astype(np.float32)
    target = Target(
        boxes_N4=boxes_N4,
        labels_N=np.zeros(3, np.int64),
        areas_N=boxes_N4[:, 2] * boxes_N4[:, 3],
        iscrowd_N=np.zeros(3, bool),
        annotation_ids=(1, 2, 3),
    )
    image_HW3 = np.zeros((height, width, 3), np.uint8)
    model = ModelConf(image_size=[96, 128], resize=resize)
    fitted = fit_transform(model)(Sample(0, image_HW3, target, "x", (height, width)))
    encoded = torch.from_numpy(class_and_boxes(fitted)["boxes"])
    back = Fit((96, 128), resize).boxes(encoded[None], [(height, width)])[0].numpy()
    wanted = np.concatenate([boxes_N4[:, :2], boxes_N4[:, :2] + boxes_N4[:, 2:]], 1)
    np.testing.assert_allclose(back, wanted, atol=0.01)


@pytest.mark.parametrize("resize", ["stretch", "letterbox"])
@pytest.mark.parametrize("size_hw", [(60, 120), (120, 60), (97, 33)])
def test_a_class_map_returns(resize: str, size_hw: tuple[int, int]) -> None:
    height, width = size_hw
    semantic_HW = np.zeros(size_hw, np.uint8)
    semantic_HW[: height // 2, width // 3 :] = 1
    semantic_HW[height // 2 :, : width // 2] = 2
    image_HW3 = np.zeros((height, width, 3), np.uint8)
    model = ModelConf(image_size=[128, 128], resize=resize)
    sample = Sample(0, image_HW3, Target(semantic_HW=semantic_HW), "x", size_hw)
    fitted_HW = fit_transform(model)(sample).target.semantic_HW
    assert fitted_HW is not None
    if resize == "letterbox":
        assert IGNORE_INDEX in fitted_HW, "padding is not trained on"
    maps_Khw = torch.stack([torch.from_numpy(fitted_HW == label).float() for label in range(3)])
    back_HW = best_class(maps_Khw, Fit((128, 128), resize), size_hw)
    assert (back_HW == semantic_HW).mean() > 0.97  # the borders between classes are resampled
