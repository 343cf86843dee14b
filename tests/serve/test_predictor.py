"""A saved folder predicts: at the image's own size, the same in any batch and after any reload."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from cvcore.config.schema.data import TASKS
from cvcore.data import masks
from cvcore.data.records import ImageRef
from cvcore.data.samples import Prediction
from cvcore.errors import DataError, ModelError
from cvcore.serve import artifact
from cvcore.serve.predictor import Predictor

Saved = Callable[[str], Path]
Images = list[NDArray[np.uint8]]
FIELDS = ("scores_K", "boxes_N4", "labels_N", "scores_N", "semantic_HW", "segment_ids_HW")


def assert_equal(one: Prediction, other: Prediction) -> None:
    for name in FIELDS:
        a, b = getattr(one, name), getattr(other, name)
        assert (a is None) == (b is None), name
        if a is not None:
            np.testing.assert_allclose(a, b, rtol=0, atol=1e-4, err_msg=name)


def png(image_HW3: NDArray[np.uint8]) -> ImageRef:
    buffer = io.BytesIO()
    Image.fromarray(image_HW3).save(buffer, "PNG")
    return ImageRef(data=buffer.getvalue())


@pytest.mark.parametrize("kind", TASKS)
def test_a_prediction_is_at_the_images_own_size(kind: str, saved: Saved, images: Images) -> None:
    predictor = Predictor.load(saved(kind), "cpu")
    for image, found in zip(images, predictor.predict(images), strict=True):
        size_hw = image.shape[:2]
        if found.semantic_HW is not None:
            assert found.semantic_HW.shape == size_hw
            assert found.semantic_HW.max() < 3
        if found.segment_ids_HW is not None:
            assert found.segment_ids_HW.shape == size_hw
        if found.boxes_N4 is not None:
            assert found.boxes_N4[:, [0, 2]].max() <= size_hw[1]
            assert found.boxes_N4[:, [1, 3]].max() <= size_hw[0]
        if found.masks is not None:
            assert all(masks.decode(rle).shape == size_hw for rle in found.masks)
        if found.scores_K is not None:
            assert found.scores_K.sum() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("kind", TASKS)
def test_a_prediction_is_the_same_alone_and_in_a_batch(
    kind: str, saved: Saved, images: Images
) -> None:
    predictor = Predictor.load(saved(kind), "cpu")
    together = predictor.predict(images)
    for image, found in zip(images, together, strict=True):
        assert_equal(predictor.predict([image])[0], found)


@pytest.mark.parametrize("kind", TASKS)
def test_an_answer_is_json(kind: str, saved: Saved, images: Images) -> None:
    predictor = Predictor.load(saved(kind), "cpu")
    answers = predictor.answers([png(image) for image in images], score_threshold=0.0)
    assert json.loads(json.dumps(answers)) == answers
    assert [answer["size"] for answer in answers] == [list(i.shape[:2]) for i in images]


@pytest.mark.parametrize("kind", TASKS)
def test_what_is_not_shown_is_not_made_and_changes_nothing(
    kind: str, saved: Saved, images: Images
) -> None:
    predictor = Predictor.load(saved(kind), "cpu")
    whole = predictor.predict(images)
    scores = [found.scores_N for found in whole if found.scores_N is not None and found.masks]
    floor = float(np.median(np.concatenate(scores))) if scores else 0.5
    short = predictor.predict_fitted([predictor.fit(i, n) for n, i in enumerate(images)], floor)
    for one, other, image in zip(whole, short, images, strict=True):
        answers = [predictor.answer(found, image.shape[:2], floor) for found in (one, other)]
        assert answers[0] == answers[1]
    nothing = predictor.predict_fitted([predictor.fit(images[0])], 1.0)
    assert not nothing[0].masks


def test_no_image_is_no_prediction(saved: Saved) -> None:
    assert Predictor.load(saved("detection"), "cpu").predict([]) == []


def test_a_broken_image_is_named(saved: Saved, tmp_path: Path, images: Images) -> None:
    file = tmp_path / "torn.png"
    data = png(images[0]).data
    assert data is not None
    file.write_bytes(data[:200])
    with pytest.raises(DataError, match=r"torn\.png"):
        list(Predictor.load(saved("detection"), "cpu").stream([ImageRef(file)]))


def test_a_class_has_its_own_threshold(saved: Saved, images: Images, tmp_path: Path) -> None:
    folder = saved("detection")
    predictor = Predictor.load(folder, "cpu")
    refs = [png(images[0])]
    everything = predictor.answers(refs, 0.0)[0]["objects"]
    names = {item["label"] for item in everything}
    assert len(names) > 1, "the random model predicts one class only"
    shown = min(names)
    own = {name: 1.1 for name in names if name != shown}
    predictor.artifact = replace(predictor.artifact, score_threshold=0.0, class_thresholds=own)
    assert {item["label"] for item in predictor.answers(refs)[0]["objects"]} == {shown}


def test_a_folder_that_is_torn_is_refused_in_words(saved: Saved, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="not a Lakesight model"):
        artifact.read(tmp_path)
    text = (saved("detection") / artifact.FILE).read_text()
    (tmp_path / artifact.FILE).write_text(text[:100])
    with pytest.raises(ModelError, match="torn or was edited"):
        artifact.read(tmp_path)
    (tmp_path / artifact.FILE).write_text(json.dumps({**json.loads(text), "format": 99}))
    with pytest.raises(ModelError, match="upgrade Lakesight"):
        artifact.read(tmp_path)


@pytest.mark.parametrize("kind", TASKS)
def test_what_is_written_is_what_is_read(kind: str, saved: Saved) -> None:
    folder = saved(kind)
    described = artifact.read(folder)
    assert described.model.checkpoint == str(folder)
    artifact.write(folder, described)
    assert artifact.read(folder) == described
