"""Polygons cover what their mask covers, and a served model refuses in sentences."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from mlflow.exceptions import MlflowException
from PIL import Image
from pycocotools import mask as coco_mask

from cvcore.data import masks
from cvcore.serve import outlines, payload
from cvcore.serve.predictor import Predictor
from cvcore.serve.pyfunc import LakesightModel, example


def test_polygons_cover_what_the_mask_covers() -> None:
    y, x = np.mgrid[:120, :160]
    mask_HW = ((x - 50) ** 2 + (y - 60) ** 2 < 900) | ((x > 110) & (y > 20) & (y < 90))
    mask_HW[5, 3:9] = True  # a line, of one pixel's height
    found = outlines.polygons(masks.encode(mask_HW.astype(np.uint8)))
    assert len(found) == 3
    assert all(len(polygon) >= 6 for polygon in found)
    back_HW = coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects(found, 120, 160))).astype(bool)
    assert (back_HW & mask_HW).sum() / (back_HW | mask_HW).sum() > 0.95


@pytest.fixture(scope="module")
def model(saved: Callable[[str], Path]) -> LakesightModel:
    made = LakesightModel()
    made.predictor = Predictor.load(saved("instance_segmentation"), "cpu")
    return made


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("/etc/passwd", "row 1: the image is not base64"),
        ("", "row 1: the image is empty"),
        (base64.b64encode(b"GIF89a no").decode(), "of row 1"),
        (base64.b64encode(b"hello").decode(), "image of row 1 is not an image that can be read"),
    ],
)
def test_a_bad_image_is_the_callers_fault(model: LakesightModel, value: str, says: str) -> None:
    good = example([64, 64])["image"][0]
    with pytest.raises(MlflowException, match=says) as caught:
        model.predict(None, pd.DataFrame({"image": [good, value]}))
    assert caught.value.get_http_status_code() == 400


def test_a_way_to_write_masks_is_chosen_by_the_caller(model: LakesightModel) -> None:
    buffer = io.BytesIO()
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(buffer, "PNG")
    frame = pd.DataFrame({"image": [base64.b64encode(buffer.getvalue()).decode()]})
    for way, key in {"rle": "mask", "polygon": "polygons"}.items():
        text = model.predict(None, frame, {"score_threshold": 0.0, "masks": way})["answer"][0]
        assert f'"{key}"' in text
    text = model.predict(None, frame, {"score_threshold": 0.0, "masks": "none"})["answer"][0]
    assert "mask" not in text
    assert "polygons" not in text
    with pytest.raises(MlflowException, match="Did you mean 'polygon'"):
        model.predict(None, frame, {"masks": "polygons"})


def test_an_answer_that_no_endpoint_could_send_is_refused(
    model: LakesightModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(payload, "MAX_ANSWER_BYTES", 10)
    with pytest.raises(MlflowException, match="Send fewer images at once"):
        model.predict(None, example([64, 64]))
