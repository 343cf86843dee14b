"""What a model drew comes back as the labels of a data set: recorded small, read by the task's reader."""

import base64
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from cvcore.cli.main import main
from cvcore.config.composer import load
from cvcore.data import masks
from cvcore.data.images import decode_mask, decode_panoptic
from cvcore.data.labels import LabelSpace
from cvcore.data.readers import open_splits
from cvcore.data.records import Category, Record
from cvcore.data.samples import Prediction
from cvcore.serve.payload import answer
from launch.errors import LaunchError
from launch.monitor.hard import export, hardest
from launch.monitor.read_request import records
from launch.monitor.record import Record as Recorded
from launch.monitor.store import Store

LABELS = LabelSpace.over([[Category(3, "cat"), Category(5, "grass", isthing=False)]])
HEIGHT, WIDTH = 80, 160
CAT_HW = np.zeros((HEIGHT, WIDTH), bool)
CAT_HW[10:50, 20:60] = True
SMALL_HW = CAT_HW[1::2, 1::2]
"""At the size of the kept picture, by nearest neighbour."""


def prediction(kind: str) -> Prediction:
    if kind == "semantic_segmentation":
        return Prediction(0, semantic_HW=np.where(CAT_HW, 0, 1).astype(np.uint8))
    if kind == "panoptic_segmentation":
        return Prediction(
            0,
            labels_N=np.array([1, 0]),
            scores_N=np.array([0.9, 0.6], np.float32),
            segment_ids_HW=np.where(CAT_HW, 300, 1).astype(np.int32),
            segment_ids_N=np.array([1, 300]),
        )
    return Prediction(
        0,
        boxes_N4=np.array([[20, 10, 60, 50], [0, 0, 160, 80]], np.float32),
        labels_N=np.array([0, 1]),
        scores_N=np.array([0.6, 0.9], np.float32),
        masks=[masks.encode(CAT_HW), masks.encode(~CAT_HW)],
    )


def recorded(store: Store, said: dict, side_px: int = 80, high: int = 200) -> Recorded:
    pixels = np.random.default_rng(0).integers(0, high, (HEIGHT, WIDTH, 3), np.uint8)
    image = cv2.imencode(".png", pixels)[1].tobytes()
    request = {"dataframe_records": [{"image": base64.b64encode(image).decode()}]}
    replied = {"predictions": [{"answer": json.dumps(said)}]}
    [(record, picture)] = records(
        json.dumps(request), json.dumps(replied), at=1.0, served="v", side_px=side_px
    )
    store.add(record, picture)
    return record


def cat_of(record: Record, kind: str) -> np.ndarray:
    """What a data set's record says where the cat is."""
    if kind == "semantic_segmentation":
        assert record.mask is not None
        map_HW = decode_mask(record.mask)
        assert set(np.unique(map_HW)) == {3, 5}
        return map_HW == 3
    if kind == "panoptic_segmentation":
        assert record.mask is not None
        [cat] = [one.segment_id for one in record.segments if one.source_category == 3]
        ids_HW = decode_panoptic(record.mask)
        assert (ids_HW != 0).all()
        return ids_HW == cat
    [cat] = [one for one in record.annotations if one.source_category == 3]
    assert cat.bbox_xywh == (10.0, 5.0, 20.0, 20.0)
    assert isinstance(cat.segmentation, dict)
    return masks.decode(cat.segmentation).astype(bool)


@pytest.mark.parametrize(
    ("kind", "how"),
    [
        ("instance_segmentation", "rle"),
        ("instance_segmentation", "polygon"),
        ("semantic_segmentation", "rle"),
        ("panoptic_segmentation", "rle"),
    ],
)
def test_masks_come_back_as_labels(kind: str, how: str, tmp_path: Path) -> None:
    store = Store(tmp_path / "monitor")
    said = answer(prediction(kind), LABELS, (HEIGHT, WIDTH), 0.0, masks=how)
    for _ in range(3):
        recorded(store, said)
    recorded(store, said, high=1)  # of one colour: nothing to label
    hard = hardest(store.newest(9), None, 9)
    # A folder whose name Hydra would take for something else.
    done = export(hard, store, LABELS, kind, tmp_path / "hard, (1)" / "out")
    assert done.num_images == 3
    assert done.num_labels == (3 if kind == "semantic_segmentation" else 6)
    splits = open_splits(load(list(done.overrides)).data, kind)
    for name, count in (("train", 2), ("val", 1)):
        assert len(splits[name]) == count
        found_HW = cat_of(splits[name][0], kind)
        assert found_HW.shape == (HEIGHT // 2, WIDTH // 2)
        # An outline is drawn again at the new size.
        assert (found_HW ^ SMALL_HW).sum() <= (0 if how == "rle" else 60)
    assert main(["data", "inspect", *done.overrides]) == 0
    assert (
        (tmp_path / "hard, (1)" / "out" / "why.csv").read_text().startswith("image,hardness,why\n")
    )


def test_pictures_without_masks_are_no_data_of_a_task_that_has_them(tmp_path: Path) -> None:
    store = Store(tmp_path / "monitor")
    whole = answer(prediction("instance_segmentation"), LABELS, (HEIGHT, WIDTH), 0.0)
    none = answer(prediction("instance_segmentation"), LABELS, (HEIGHT, WIDTH), 0.0, masks="none")
    torn = {**whole, "objects": [{**whole["objects"][0], "mask": {"size": [2, 2], "counts": "x"}}]}
    # So large that to decode it would take the memory of the machine.
    vast = json.loads(json.dumps(torn))
    vast["objects"][0]["mask"] = {"size": [10**5, 10**5], "counts": [10**10]}
    for said in (none, torn, vast):
        assert recorded(store, said).said[0].mask is None, "the rest is kept"
    assert recorded(store, whole, side_px=0).said[0].mask is None, "nor is the picture"
    recorded(store, whole)
    hard = hardest(store.newest(9), None, 9)
    assert len(hard) == 4
    with pytest.raises(LaunchError, match=r"1 recorded picture can't be a data set.*without masks"):
        export(hard, store, LABELS, "instance_segmentation", tmp_path / "out")
    assert export(hard, store, LABELS, "detection", tmp_path / "out").num_images == 4


def test_a_class_with_a_slash_still_has_a_folder(tmp_path: Path) -> None:
    store = Store(tmp_path / "monitor")
    labels = LabelSpace.over([[Category(0, "bolt"), Category(1, "nut/washer")]])
    scores = Prediction(0, scores_K=np.array([0.2, 0.8], np.float32))
    for _ in range(2):
        recorded(store, answer(scores, labels, (HEIGHT, WIDTH), 0.0))
    done = export(
        hardest(store.newest(9), None, 9), store, labels, "classification", tmp_path / "a"
    )
    for name in ("train", "val"):
        split = open_splits(load(list(done.overrides)).data, "classification")[name]
        assert [one.name for one in split.categories] == ["bolt", "nut_washer"]
        assert split[0].image.path.parent.name == "nut_washer"
