"""COCO panoptic data serves four tasks."""

from __future__ import annotations

import numpy as np
import pytest

from cvcore.config.schema import CocoPanopticConf
from cvcore.data import masks
from cvcore.data.build import build_sample
from cvcore.data.images import decode
from cvcore.data.labels import LabelSpace
from cvcore.data.readers import open_splits
from cvcore.errors import DataError

IDS = np.zeros((24, 32), np.int32)
IDS[:10] = 70_000  # sky, stuff
IDS[12:18, 4:10] = 258  # a dog
IDS[20:, 20:] = 5  # a crowd of dogs
IDS[23, 0] = 999  # not listed

SEGMENTS = [
    {"id": 70_000, "category_id": 90, "iscrowd": 0, "area": 320, "bbox": [0, 0, 32, 10]},
    {"id": 258, "category_id": 18, "iscrowd": 0, "area": 36, "bbox": [4, 12, 6, 6]},
    {"id": 5, "category_id": 18, "iscrowd": 1, "area": 48, "bbox": [20, 20, 12, 4]},
    {"id": 6, "category_id": 18, "iscrowd": 0, "area": 0, "bbox": [0, 0, 0, 0]},
]
CATEGORIES = [
    {"id": 18, "name": "dog", "isthing": 1, "color": [1, 2, 3]},
    {"id": 90, "name": "sky", "isthing": 0},
]


@pytest.fixture
def panoptic(files):
    def write(annotations=None):
        for split in ("train", "val"):
            files.image(f"{split}/a.png")
            files.panoptic(f"annotations/panoptic_{split}/a.png", IDS)
            rows = [{"image_id": 1, "file_name": "a.png", "segments_info": SEGMENTS}]
            content = {
                "images": [{"id": 1, "file_name": "a.png", "height": 24, "width": 32}],
                "annotations": rows if annotations is None else annotations,
                "categories": CATEGORIES,
            }
            files.json(f"annotations/panoptic_{split}.json", content)
        return CocoPanopticConf(root=str(files.root))

    return write


def target_of(conf, kind, **options):
    splits = open_splits(conf, kind)
    labels = LabelSpace.over(s.categories for s in splits.values())
    record = splits["train"][0]
    return labels, build_sample(record, labels, kind, decode(record.image)).target


def test_panoptic(panoptic):
    labels, target = target_of(panoptic(), "panoptic_segmentation")
    assert [(x.name, x.isthing) for x in labels.labels] == [("dog", True), ("sky", False)]
    assert labels.labels[0].color == (1, 2, 3)
    assert target.segment_ids_N.tolist() == [70_000, 258, 5]  # the empty segment is left out
    assert target.labels_N.tolist() == [1, 0, 0]
    assert target.iscrowd_N.tolist() == [False, False, True]
    np.testing.assert_array_equal(target.segment_ids_HW, np.where(IDS == 999, 0, IDS))
    assert target.segment_ids_HW.dtype == np.int32
    assert target.boxes_N4[1].tolist() == [4, 12, 6, 6]
    assert target.areas_N.tolist() == [320, 36, 48]
    np.testing.assert_array_equal(masks.decode(target.masks[1]), IDS == 258)


def test_semantic(panoptic):
    _, target = target_of(panoptic(), "semantic_segmentation")
    assert target.semantic_HW[0, 0] == 1
    assert target.semantic_HW[13, 5] == target.semantic_HW[22, 25] == 0
    assert target.semantic_HW[23, 0] == target.semantic_HW[11, 0] == 255


def test_instances_are_the_things(panoptic):
    labels, target = target_of(panoptic(), "instance_segmentation")
    assert labels.names == ["dog"]
    assert target.labels_N.tolist() == [0, 0]
    assert target.iscrowd_N.tolist() == [False, True]
    assert masks.area(target.masks[0]) == 36


def test_detection_reads_no_mask(panoptic, files):
    conf = panoptic()
    (files.root / "annotations/panoptic_train/a.png").unlink()
    _, target = target_of(conf, "detection")
    assert target.boxes_N4.tolist() == [[4, 12, 6, 6], [20, 20, 12, 4], [0, 0, 0, 0]]


def test_reduced_decoding_scales_the_truth(panoptic):
    splits = open_splits(panoptic(), "panoptic_segmentation")
    labels = LabelSpace.over(s.categories for s in splits.values())
    small = np.zeros((12, 16, 3), np.uint8)
    sample = build_sample(splits["train"][0], labels, "panoptic_segmentation", small, (24, 32))
    assert sample.size_hw == (24, 32)
    assert sample.target.segment_ids_HW.shape == (12, 16)
    assert sample.target.boxes_N4[1].tolist() == [2, 6, 3, 3]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"id": 1, "image_id": 1, "bbox": [0, 0, 1, 1]}], "not a COCO panoptic file.*data=coco"),
        (
            [{"image_id": 1, "file_name": "a.png", "segments_info": []}] * 2,
            "two panoptic annotations",
        ),
        ([{"image_id": 1, "file_name": "../../../x", "segments_info": []}], "leads outside"),
    ],
)
def test_faulty_files(panoptic, rows, message):
    with pytest.raises(DataError, match=message):
        open_splits(panoptic(rows), "panoptic_segmentation")


def test_segments_and_annotations_that_no_record_can_hold(panoptic):
    rows = [
        {"image_id": 1, "file_name": "a.png", "segments_info": [*SEGMENTS, {"id": "x"}]},
        {"image_id": 2, "file_name": "b.png", "segments_info": []},
    ]
    split = open_splits(panoptic(rows), "panoptic_segmentation")["train"]
    assert {fault.field for fault in split.faults} == {"image_id", "segments_info"}
