"""Pictures of truths and predictions, and the preview sheet."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from cvcore.config.schema import TASKS
from cvcore.data.draw import draw
from cvcore.data.labels import LabelSpace
from cvcore.data.load import Loader
from cvcore.data.prepare import prepare
from cvcore.data.preview import preview
from cvcore.data.records import Category
from cvcore.data.samples import Prediction, Target

LABELS = LabelSpace.over([[Category(1, "cat"), Category(2, "dög")]])
GREY = np.full((40, 50, 3), 128, np.uint8)


@pytest.mark.parametrize("task", TASKS)
def test_every_task_is_drawn_in_its_colours_and_the_image_stays(config, task):
    data = prepare(config(task))
    sample = Loader(data.labels, task, 10**9).whole(data.splits["train"][0])
    before = sample.image_HW3.copy()
    picture = draw(sample.image_HW3, data.labels, target=sample.target)
    assert np.array_equal(sample.image_HW3, before)
    assert max(picture.shape[:2]) >= 320
    assert picture.shape[0] % before.shape[0] == picture.shape[1] % before.shape[1] == 0
    plain = np.kron(before, np.ones((picture.shape[0] // before.shape[0],) * 2 + (1,), np.uint8))
    assert not np.array_equal(picture, plain)


def test_a_box_is_drawn_at_its_place_in_the_colour_of_its_class():
    target = Target(
        boxes_N4=np.array([[10, 20, 30, 15]], np.float32),
        labels_N=np.array([1]),
        iscrowd_N=np.array([True]),
    )
    picture = draw(GREY, LABELS, target=target)
    factor = picture.shape[0] // 40
    color = LABELS.labels[1].color
    for x, y in ((25, 20), (10, 30), (25, 35 - 1 / factor), (40 - 1 / factor, 30)):
        assert tuple(picture[int(y * factor), int(x * factor)]) == color
    assert tuple(picture[30 * factor, 25 * factor]) == (128, 128, 128)


def test_predictions_below_the_threshold_are_not_drawn():
    prediction = Prediction(
        1,
        boxes_N4=np.array([[10, 20, 40, 35]], np.float32),
        labels_N=np.array([0]),
        scores_N=np.array([0.4], np.float32),
    )
    assert (draw(GREY, LABELS, prediction=prediction, score_threshold=0.5) == 128).all()
    assert (draw(GREY, LABELS, prediction=prediction, score_threshold=0.3) != 128).any()
    for own, is_drawn in (({"cat": 0.5}, False), ({"dög": 0.5}, True)):
        picture = draw(GREY, LABELS, prediction=prediction, class_thresholds=own)
        assert (picture != 128).any() == is_drawn


def test_nothing_to_draw_leaves_the_picture():
    empty = Target(boxes_N4=np.zeros((0, 4), np.float32), labels_N=np.zeros(0, np.int64))
    assert (draw(GREY, LABELS, target=empty) == 128).all()


def test_a_big_image_keeps_its_size_and_unlabelled_pixels_are_darker():
    image = np.full((400, 500, 3), 90, np.uint8)
    semantic = np.zeros((400, 500), np.uint8)
    semantic[:, 400:] = 255
    picture = draw(image, LABELS, target=Target(semantic_HW=semantic))
    assert picture.shape == image.shape
    assert (picture[:, 450:] == 30).all()


def test_preview_writes_a_sheet_of_what_the_trainer_sees(config, tmp_path):
    sheets = [
        preview(config("detection", augment), tmp_path / "new" / f"{i}.png", 4, epoch)
        for i, (augment, epoch) in enumerate(
            [("augment=digits", 0), ("augment=digits", 0), ("augment=digits", 1)]
        )
    ]
    pictures = [np.asarray(Image.open(sheet)) for sheet in sheets]
    assert pictures[0].shape[0] > 700
    assert pictures[0].shape[1] > 700
    assert np.array_equal(pictures[0], pictures[1])
    assert not np.array_equal(pictures[0], pictures[2])
