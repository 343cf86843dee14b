"""The JSON form of images and answers: nothing is lost, nothing foreign is read."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from PIL import Image

from cvcore.data import masks
from cvcore.data.labels import LabelSpace
from cvcore.data.records import Category
from cvcore.data.samples import Prediction
from cvcore.errors import DataError
from cvcore.serve import payload

LABELS = LabelSpace.over([[Category(i, f"class {i}") for i in range(5)]])


@given(st.binary(min_size=1, max_size=200))
def test_bytes_base64_and_a_data_url_are_the_same_image(data: bytes) -> None:
    text = base64.b64encode(data).decode()
    for value in (data, text, f"data:image/png;base64,{text}"):
        assert payload.image_ref(value).read() == data


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("/etc/passwd", "not base64"),
        ("https://example.com/cat.png", "not base64"),
        ("", "empty"),
        (b"", "empty"),
        (12, "not int"),
        (None, "not NoneType"),
        ("data:image/png;base64,***", "not base64"),
        (b"x" * (payload.MAX_IMAGE_BYTES + 1), "at most"),
    ],
)
def test_what_is_not_an_image_is_refused_in_words(value: object, says: str) -> None:
    with pytest.raises(DataError, match=says):
        payload.image_ref(value)


@given(
    arrays.arrays(
        np.int32, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(0, 70_000)
    )
)
def test_a_segment_map_comes_back_whole(ids_HW: NDArray[np.int32]) -> None:
    ids_N = np.unique(ids_HW[ids_HW > 0]).astype(np.int64)
    prediction = Prediction(
        0, segment_ids_HW=ids_HW, segment_ids_N=ids_N, labels_N=ids_N % 5, scores_N=None
    )
    found = payload.answer(prediction, LABELS, ids_HW.shape, 0.5)
    rgb_HW3 = np.array(Image.open(io.BytesIO(base64.b64decode(found["segment_map"]))), np.int32)
    np.testing.assert_array_equal(rgb_HW3 @ [1, 256, 65536], ids_HW)
    assert [s["label"] for s in found["segments"]] == [f"class {i % 5}" for i in ids_N]


@given(
    arrays.arrays(
        np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(0, 4)
    )
)
def test_a_label_map_comes_back_whole(classes_HW: NDArray[np.uint8]) -> None:
    found = payload.answer(Prediction(0, semantic_HW=classes_HW), LABELS, classes_HW.shape, 0.5)
    map_HW = np.array(Image.open(io.BytesIO(base64.b64decode(found["label_map"]))))
    np.testing.assert_array_equal(map_HW, classes_HW)
    assert sum(c["fraction"] for c in found["classes"]) == pytest.approx(1, abs=1e-5)


def test_objects_are_sorted_and_cut_by_score() -> None:
    mask_HW = np.zeros((4, 6), np.uint8)
    mask_HW[1:3, 2:5] = 1
    prediction = Prediction(
        0,
        boxes_N4=np.array([[0, 0, 1, 1], [2, 1, 5, 3]], np.float32),
        labels_N=np.array([0, 3]),
        scores_N=np.array([0.2, 0.9], np.float32),
        masks=[masks.encode(mask_HW), masks.encode(mask_HW)],
    )
    assert len(payload.answer(prediction, LABELS, (4, 6), 0.0)["objects"]) == 2
    assert len(payload.answer(prediction, LABELS, (4, 6), 0.3, {"class 0": 0.1})["objects"]) == 2
    (best,) = payload.answer(prediction, LABELS, (4, 6), 0.3)["objects"]
    assert best["label"] == "class 3"
    assert best["box"] == [2, 1, 5, 3]
    np.testing.assert_array_equal(masks.decode(best["mask"]), mask_HW)
