"""Box formats are inverses of each other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cvcore.data import boxes

SIZES = st.tuples(st.integers(1, 5000), st.integers(1, 5000))
XYWH = st.integers(0, 20).flatmap(
    lambda n: arrays(np.float32, (n, 4), elements=st.floats(0, 5000, width=32))
)


def near(a, b, size_hw=(5000, 5000)):
    assert a.dtype == np.float32
    assert a.shape == b.shape
    np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6 * max(*size_hw, 5000))


@given(XYWH)
def test_xyxy_and_back(found):
    near(boxes.xyxy_to_xywh(boxes.xywh_to_xyxy(found)), found)


@given(XYWH, SIZES)
def test_cxcywh_and_back(found, size_hw):
    near(boxes.cxcywh_to_xywh(boxes.xywh_to_cxcywh(found, size_hw), size_hw), found)


@given(XYWH, SIZES)
def test_cxcywh_of_corners_and_back(found, size_hw):
    corners = boxes.xywh_to_xyxy(found)
    near(boxes.cxcywh_to_xyxy(boxes.xyxy_to_cxcywh(corners, size_hw), size_hw), corners)


@given(XYWH, SIZES, SIZES)
def test_scale_and_back(found, one, other):
    near(boxes.scale_xywh(boxes.scale_xywh(found, one, other), other, one), found)


@given(XYWH, SIZES)
def test_clipped_boxes_are_inside_and_clipping_twice_changes_nothing(found, size_hw):
    clipped = boxes.clip_xywh(found, size_hw)
    corners = boxes.clip_xyxy(boxes.xywh_to_xyxy(found), size_hw)
    assert (corners >= 0).all()
    assert (corners[:, [1, 3]] <= size_hw[0]).all()
    assert (corners[:, [0, 2]] <= size_hw[1]).all()
    assert (boxes.area_xywh(clipped) <= boxes.area_xywh(found) * (1 + 1e-5) + 1e-2).all()
    near(boxes.clip_xywh(clipped, size_hw), clipped)


def test_known_values():
    found = boxes.as_boxes([[10, 20, 30, 40]])
    assert boxes.xywh_to_xyxy(found).tolist() == [[10, 20, 40, 60]]
    assert boxes.xywh_to_cxcywh(found, (80, 100)).tolist() == [pytest.approx([0.25, 0.5, 0.3, 0.5])]
    assert boxes.area_xywh(found).tolist() == [1200]
    assert boxes.clip_xywh(found, (50, 30)).tolist() == [[10, 20, 20, 30]]
    assert boxes.clip_xywh(found, (10, 10)).tolist() == [[10, 10, 0, 0]]


def test_no_boxes():
    none = boxes.as_boxes([])
    assert none.shape == (0, 4)
    assert boxes.xywh_to_cxcywh(none, (5, 5)).shape == (0, 4)
