"""Answers of all five tasks as the browser draws them: every number is the answer's own."""

from __future__ import annotations

import base64
from typing import Any

import cv2
import numpy as np
import pytest

from cvcore.data import masks
from cvcore.data.labels import LabelSpace
from cvcore.data.records import Category
from cvcore.data.samples import Prediction
from cvcore.errors import DataError
from cvcore.serve.payload import answer
from panel_app.media import Media
from panel_app.playground.drawing import drawing
from panel_app.playground.facts import Facts
from panel_app.playground.pictures import Pictures
from tests.panel_app.micro import png

LABELS = LabelSpace.over([[Category(i, name) for i, name in enumerate(("sky", "car", "<b>"))]])
COLOURS = {label.name: label.color for label in LABELS.labels}
FACTS = Facts("", COLOURS, 0.4, {"car": 0.02})
SIZE = (8, 12)


def drawn(**values: Any) -> dict[str, Any]:
    return drawing(answer(Prediction(0, **values), LABELS, SIZE, 0.0), FACTS)


def parts_of(item: dict[str, Any]) -> np.ndarray:
    data = base64.b64decode(item["mask"].partition(",")[2])
    bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR).astype(int)
    values = bgr[..., 2] + 256 * bgr[..., 1]
    return np.asarray(item["parts"])[values]


def test_objects_and_their_masks() -> None:
    mask = np.zeros(SIZE, np.uint8)
    mask[2:6, 3:9] = 1
    mask[3:5, 5:7] = 0  # a hole
    found = {
        "boxes_N4": np.array([[3, 2, 9, 6], [0, 0, 4.5, 2]], np.float32),
        "labels_N": np.array([1, 2]),
        "scores_N": np.array([0.9, 0.25], np.float32),
    }
    item = drawn(**found)
    assert item["task"] == "detection"
    assert item["boxes"] == [[1, 3, 2, 6, 4, 0], [2, 0, 0, 4.5, 2, 0]]
    assert item["scores"] == [0.9, 0.25]
    assert item["labels"][1] == {"name": "car", "color": list(COLOURS["car"])}
    assert (item["threshold"], item["limits"], item["floor"]) == (0.4, {"car": 0.02}, 0.02)
    rles = [masks.encode(mask), masks.encode(np.zeros(SIZE, np.uint8))]
    item = drawn(**found, masks=rles)
    assert item["task"] == "instance_segmentation"
    assert len(item["polygons"][0]) == 2  # the outline and the hole's
    assert item["polygons"][1] == []


def test_maps() -> None:
    map_HW = np.zeros(SIZE, np.uint8)
    map_HW[:, 6:] = 2
    item = drawn(semantic_HW=map_HW)
    assert (parts_of(item) == map_HW).all()
    assert [(row["text"], row["share"]) for row in item["rows"]] == [("sky", 0.5), ("<b>", 0.5)]
    ids_HW = np.zeros(SIZE, np.int64)
    ids_HW[:4] = 7
    ids_HW[6:] = 70_000
    item = drawn(
        segment_ids_HW=ids_HW,
        segment_ids_N=np.array([7, 70_000]),
        labels_N=np.array([1, 0]),
        scores_N=np.array([0.8, 0.6]),
    )
    wanted = np.full(SIZE, -1)
    wanted[:4], wanted[6:] = 1, 0
    assert (parts_of(item) == wanted).all()
    assert [row["share"] for row in item["rows"]] == [0.5, 0.25]


def test_classes_and_what_is_no_answer() -> None:
    item = drawn(scores_K=np.array([0.1, 0.7, 0.2], np.float32))
    assert [(row["text"], round(row["score"], 3)) for row in item["rows"]] == [
        ("car", 0.7),
        ("<b>", 0.2),
        ("sky", 0.1),
    ]
    # A model that can't be looked into: its classes are those of the answer.
    item = drawing({"size": [2, 2], "classes": [{"label": "owl", "score": 1}]}, Facts())
    assert item["labels"][0]["name"] == "owl"
    for wrong in (
        {},
        {"size": [2, 2]},
        {"size": 3, "objects": []},
        {"size": [2, 2], "objects": [{"label": "owl", "score": 1, "box": [1]}]},
        {"size": [2, 2], "label_map": "no PNG", "classes": []},
        {"size": [2, 2], "segment_map": base64.b64encode(b"no").decode(), "segments": []},
    ):
        with pytest.raises(DataError, match="not one of a Lakesight model"):
            drawing(wrong, Facts())


def test_pictures_are_kept_by_what_is_in_them(tmp_path) -> None:
    pictures = Pictures(Media("secret"), tmp_path)
    one = pictures.keep(png(1), "C:\\photos\\..\\a b.png")
    assert (one.title, one.height, one.width) == ("a b.png", 40, 56)
    assert pictures.keep(png(1), "again.png").key == one.key
    assert pictures.get(one.key)[1] == png(1)
    for key in ("../../etc/passwd", "", "0" * 32, one.key + "/"):
        with pytest.raises(DataError, match="image"):
            pictures.get(key)
    for data, says in (
        (b"", "empty"),
        (b"hello", "not an image"),
        (b"x" * 12_000_001, "12,000,001"),
    ):
        with pytest.raises(DataError, match=says):
            pictures.keep(data, "x.jpg")
    for number in range(205):
        pictures.keep(png(number), f"{number}.png")
    assert len(list(tmp_path.iterdir())) == 400
