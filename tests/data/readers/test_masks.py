"""Masks as run-length codes: exact round trips, and bad codes that never reach pycocotools."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pycocotools import mask as coco_mask

from cvcore.data import masks
from cvcore.errors import DataError

MASKS = st.tuples(st.integers(1, 20), st.integers(1, 20)).flatmap(
    lambda size: arrays(np.uint8, size, elements=st.integers(0, 1))
)


def runs_of(mask):
    """Uncompressed COCO runs, written down from the definition."""
    runs, value = [0], 0
    for pixel in mask.T.ravel().tolist():
        if pixel != value:
            runs.append(0)
            value = pixel
        runs[-1] += 1
    return runs


@given(MASKS)
def test_encode_and_decode(mask):
    rle = masks.encode(mask)
    assert rle["size"] == list(mask.shape)
    assert isinstance(rle["counts"], str)
    np.testing.assert_array_equal(masks.decode(rle), mask)
    assert masks.area(rle) == mask.sum()


@given(MASKS)
def test_every_form_of_a_run_length_code(mask):
    expected = masks.encode(mask)
    size = list(mask.shape)
    assert masks.compress({"size": size, "counts": runs_of(mask)}) == expected
    assert masks.compress(expected) == expected
    as_bytes = {"size": size, "counts": expected["counts"].encode()}
    assert masks.to_rle(as_bytes, mask.shape) == expected


@given(MASKS)
def test_bbox_is_tight(mask):
    x, y, width, height = (int(v) for v in masks.bbox_xywh(masks.encode(mask)))
    assert mask[y : y + height, x : x + width].sum() == mask.sum()
    if mask.any():
        assert mask[y].any()
        assert mask[y + height - 1].any()
        assert mask[:, x].any()
        assert mask[:, x + width - 1].any()
    else:
        assert (width, height) == (0, 0)


def test_polygons_are_pycocotools_and_overlapping_parts_count_once():
    one = [2.0, 3.0, 12.0, 3.0, 12.0, 13.0, 2.0, 13.0]
    other = [7.0, 3.0, 17.0, 3.0, 17.0, 13.0, 7.0, 13.0]
    rle = masks.to_rle([one, other], (24, 32))
    expected = coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects([one, other], 24, 32)))
    np.testing.assert_array_equal(masks.decode(rle), expected)
    assert masks.area(rle) == 150


def test_scaled_polygons_and_codes():
    square = [2.0, 4.0, 12.0, 4.0, 12.0, 14.0, 2.0, 14.0]
    small = masks.to_rle([square], (12, 16), (0.5, 0.5))
    assert masks.bbox_xywh(small) == (1, 2, 5, 5)
    whole = masks.to_rle([square], (24, 32))
    assert masks.to_rle(whole, (12, 16), (0.5, 0.5)) == small


@pytest.mark.parametrize(
    "counts",
    [
        "",
        "abc",
        "zzzz",
        "@@@@",
        "é",
        "\x00\x01",
        "~~~~",
        "PPYo1000",
        b"\xff\xff",
        "0" * 40,
        "o" * 9,
    ],
)
def test_foreign_text_is_refused(counts):
    with pytest.raises(DataError, match=r"run-length mask"):
        masks.compress({"size": [10, 10], "counts": counts})


@given(st.text(max_size=30) | st.binary(max_size=30))
def test_any_text_is_either_whole_or_refused(counts):
    try:
        rle = masks.compress({"size": [4, 5], "counts": counts})
    except DataError:
        return
    assert masks.decode(rle).shape == (4, 5)


@pytest.mark.parametrize("counts", [[], [99], [101], [50, -10, 60], [0]])
def test_runs_must_add_up(counts):
    with pytest.raises(DataError, match="add up to"):
        masks.compress({"size": [10, 10], "counts": counts})


def test_size_must_be_the_images():
    rle = masks.encode(np.ones((4, 5), np.uint8))
    with pytest.raises(DataError, match=r"of size \[4, 5\], its image of \[5, 4\]"):
        masks.to_rle(rle, (5, 4))


@pytest.mark.parametrize(
    "polygon", [[], [1.0, 1.0], [1.0, 1.0, 2.0, 2.0], [1.0, 1.0, 2.0, 2.0, 3.0]]
)
def test_a_polygon_needs_three_points(polygon):
    with pytest.raises(DataError, match="at least three points"):
        masks.to_rle([polygon], (10, 10))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1e9])
def test_a_polygon_needs_finite_points(value):
    with pytest.raises(DataError, match="not a number or beyond"):
        masks.to_rle([[1.0, 1.0, value, 2.0, 3.0, 3.0]], (10, 10))
