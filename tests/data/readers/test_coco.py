"""The COCO reader: what it gives, and one clear sentence for what it can't read."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from cvcore.config.schema import CocoConf
from cvcore.data import masks
from cvcore.data.build import build_sample
from cvcore.data.images import decode
from cvcore.data.labels import LabelSpace
from cvcore.data.readers import open_splits
from cvcore.errors import DataError

BCCD = Path(__file__).parents[4] / "shared/data/bccd"
POLYGON = [2.0, 3.0, 12.0, 3.0, 12.0, 13.0, 2.0, 13.0]
RUNS = {"size": [24, 32], "counts": [0, 24, 744]}


def content(**changes):
    base = {
        "images": [
            {"id": 7, "file_name": "a.png", "height": 24, "width": 32, "camera": "left"},
            {"id": 9, "file_name": "deep/er/b.png", "height": 24, "width": 32},
        ],
        "annotations": [
            {
                "id": 1,
                "image_id": 7,
                "category_id": 30,
                "bbox": [2, 3, 10, 10],
                "area": 99.5,
                "iscrowd": 0,
                "segmentation": [POLYGON],
            },
            {
                "id": 2,
                "image_id": 7,
                "category_id": 10,
                "bbox": [0, 0, 1, 24],
                "iscrowd": 1,
                "segmentation": RUNS,
            },
        ],
        "categories": [{"id": 10, "name": "cat"}, {"id": 30, "name": "dog", "isthing": 1}],
    }
    return {**base, **changes}


@pytest.fixture
def coco(files):
    files.image("train/a.png")
    files.image("train/deep/er/b.png")
    files.image("val/c.png")

    def write(**changes):
        files.json("annotations/instances_train.json", content(**changes))
        files.json(
            "annotations/instances_val.json",
            content(images=[{"id": 1, "file_name": "c.png"}], annotations=[]),
        )
        return CocoConf(root=str(files.root))

    return write


def sample_of(splits, index=0, kind="instance_segmentation"):
    record = splits["train"][index]
    labels = LabelSpace.over(s.categories for s in splits.values())
    return build_sample(record, labels, kind, decode(record.image))


def test_instances(coco):
    splits = open_splits(coco(), "instance_segmentation")
    assert list(splits) == ["train", "val"]
    record = splits["train"][0]
    assert (record.image_id, record.size_hw, record.metadata) == (7, (24, 32), {"camera": "left"})
    target = sample_of(splits).target
    assert target.labels_N.tolist() == [1, 0]  # ids 30, 10 are indices 1, 0
    assert target.boxes_N4.tolist() == [[2, 3, 10, 10], [0, 0, 1, 24]]
    assert target.areas_N.tolist() == [99.5, 24]
    assert target.iscrowd_N.tolist() == [False, True]
    assert target.annotation_ids == (1, 2)
    assert masks.decode(target.masks[0])[3:13, 2:12].all()
    assert masks.area(target.masks[0]) == 100
    np.testing.assert_array_equal(masks.decode(target.masks[1])[:, 0], 1)


def test_detection_takes_boxes_only(coco):
    target = sample_of(open_splits(coco(), "detection"), kind="detection").target
    assert target.masks is None
    assert target.boxes_N4.dtype == np.float32
    assert target.areas_N.tolist() == [99.5, 24]


def test_an_image_without_annotation_is_kept(coco):
    splits = open_splits(coco(), "detection")
    assert len(splits["train"]) == 2
    sample = sample_of(splits, 1, "detection")
    assert sample.target.boxes_N4.shape == (0, 4)
    assert sample.source.endswith("train/deep/er/b.png")


def test_a_box_missing_is_made_of_the_mask(coco):
    annotation = {"id": 5, "image_id": 7, "category_id": 10, "segmentation": [POLYGON]}
    splits = open_splits(coco(annotations=[annotation]), "detection")
    assert sample_of(splits, kind="detection").target.boxes_N4.tolist() == [[2, 3, 10, 10]]


def test_splits_pickle_small_and_whole(coco):
    split = open_splits(coco(), "instance_segmentation")["train"]
    copy = pickle.loads(pickle.dumps(split))
    assert [copy[i] for i in range(len(copy))] == [split[i] for i in range(len(split))]
    assert split[-1] == split[1]
    with pytest.raises(IndexError):
        split[2]


def test_first_n_images(coco):
    conf = coco()
    conf.max_train_samples = 1
    splits = open_splits(conf, "detection")
    assert len(splits["train"]) == 1
    assert [r.image_id for r in splits["train"]] == [7]
    assert len(splits["train"].categories) == 2


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ({"id": 3, "image_id": 404, "category_id": 10, "bbox": [1, 1, 2, 2]}, "image_id"),
        ({"id": 3, "image_id": [7], "category_id": 10, "bbox": [1, 1, 2, 2]}, "image_id"),
        ({"id": 3, "image_id": 7, "bbox": [1, 1, 2, 2]}, "category_id"),
        ({"id": 3, "image_id": 7, "category_id": 10, "bbox": [1, 1, 2]}, "bbox"),
        ({"id": 3, "image_id": 7, "category_id": 10, "bbox": "1 1 2 2"}, "bbox"),
        ({"id": 3, "image_id": 7, "category_id": 10, "segmentation": "x"}, "segmentation"),
    ],
)
def test_what_no_record_can_hold_is_a_fault(coco, row, field):
    conf = coco(annotations=[*content()["annotations"], row])
    (fault,) = open_splits(conf, "detection")["train"].faults
    assert (fault.annotation_id, fault.field, fault.value) == (3, field, row.get(field))


def test_faults_of_value_are_left_to_the_contract(coco):
    row = {"id": 3, "image_id": 7, "category_id": 999, "bbox": [5, 5, 0, -2]}
    split = open_splits(coco(annotations=[row]), "detection")["train"]
    assert not split.faults
    assert split[0].annotations[0].bbox_xywh == (5, 5, 0, -2)


def test_unknown_category_names_annotation_and_image(coco):
    row = {"id": 3, "image_id": 7, "category_id": 31, "bbox": [5, 5, 2, 2]}
    splits = open_splits(coco(annotations=[row]), "detection")
    with pytest.raises(DataError, match=r"annotation 3 of image .*a\.png has category 31.*10, 30"):
        sample_of(splits, kind="detection")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": None}, "no list of objects under 'images'"),
        ({"categories": {}}, "no list of objects under 'categories'"),
        ({"images": [{"file_name": "a.png"}]}, r"images\[0\] has id None"),
        ({"images": [{"id": 1, "file_name": "a.png"}] * 2}, "image id 1 belongs to"),
        ({"categories": [{"id": 1, "name": "a"}, {"id": 1, "name": "b"}]}, "is called 'a' and 'b'"),
        ({"annotations": [{"segments_info": []}]}, "data=coco_panoptic"),
        ({"images": []}, "split 'train' of .* has no image"),
    ],
)
def test_what_is_no_coco_file_is_one_sentence(coco, changes, message):
    with pytest.raises(DataError, match=message):
        open_splits(coco(**changes), "detection")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b'{"images": [\n  {"id": 1,}\n]}', "not valid JSON: .* at line 2, column"),
        (b"", "is empty"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (b"[]", "holds a JSON list"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
    ],
)
def test_what_is_no_json_says_where(coco, files, text, message):
    conf = coco()
    files.write("annotations/instances_train.json", text)
    with pytest.raises(DataError, match=message):
        open_splits(conf, "detection")


def test_boxes_alone_do_not_serve_instance_segmentation(coco):
    row = {"id": 1, "image_id": 7, "category_id": 10, "bbox": [1, 1, 2, 2]}
    with pytest.raises(DataError, match=r"boxes only; .* Choose task=detection"):
        open_splits(coco(annotations=[row]), "instance_segmentation")


@pytest.mark.parametrize("name", ["../../secret.png", "/etc/passwd", "link.png", "linked/x.png"])
def test_a_file_name_may_not_leave_the_data_set(coco, files, tmp_path, name):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "x.png").write_bytes(b"")
    (tmp_path / "secret.png").write_bytes(b"")
    (files.root / "train/link.png").symlink_to(tmp_path / "secret.png")
    (files.root / "train/linked").symlink_to(outside)
    conf = coco(images=[{"id": 1, "file_name": name}], annotations=[])
    with pytest.raises(DataError, match="leads outside the data set"):
        open_splits(conf, "detection")


def test_links_inside_the_data_set_and_linked_image_folders_are_fine(coco, files, tmp_path):
    (files.root / "train/link.png").symlink_to(files.root / "val/c.png")
    conf = coco(images=[{"id": 1, "file_name": "link.png"}], annotations=[])
    assert len(open_splits(conf, "detection")["train"]) == 1
    (files.root / "train").rename(tmp_path / "elsewhere")
    (files.root / "train").symlink_to(tmp_path / "elsewhere")
    assert len(open_splits(coco(), "detection")["train"]) == 2


def test_size_that_differs_from_the_declared_one_is_an_error(coco, files):
    splits = open_splits(coco(), "detection")
    files.image("train/a.png", height=12, width=16)
    with pytest.raises(DataError, match=r"is 16 x 12 pixels, its annotations say 32 x 24"):
        sample_of(splits, kind="detection")


@pytest.mark.skipif(not BCCD.is_dir(), reason="the blood-cell data set is not here")
def test_blood_cells():
    conf = CocoConf(root=str(BCCD), test="annotations/instances_test.json", test_images="test")
    splits = open_splits(conf, "detection")
    assert [len(s) for s in splits.values()] == [205, 87, 72]
    labels = LabelSpace.over(s.categories for s in splits.values())
    assert labels.names == ["Platelets", "RBC", "WBC"]
    sample = sample_of(splits, kind="detection")
    assert sample.image_HW3.shape == (480, 640, 3)
    assert sample.target.boxes_N4[0].tolist() == [68, 315, 218, 165]
