"""The built-in data: exact annotations, disjoint glyphs, a cache that is whole or not used."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import cv2
import numpy as np
import pytest
from pycocotools import mask as coco_mask

from cvcore.config.schema import DigitsConf
from cvcore.data.digit_scenes import load_glyphs
from cvcore.data.digits import open_digits
from cvcore.errors import DataError


def conf(cache: Path, **changes) -> DigitsConf:
    return DigitsConf(num_train=12, num_val=10, num_test=10, cache_dir=str(cache), **changes)


def rgb(path: Path) -> np.ndarray:
    return cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)


def files_of(cache: Path) -> dict[str, bytes]:
    return {str(f.relative_to(cache)): f.read_bytes() for f in cache.rglob("*") if f.is_file()}


def test_splits_share_no_scan():
    glyphs = load_glyphs(0)
    seen = {split: {g.ink_88.tobytes() for g in part} for split, part in glyphs.items()}
    assert sum(len(part) for part in glyphs.values()) == 1797
    assert not seen["train"] & seen["val"]
    assert not seen["train"] & seen["test"]
    assert not seen["val"] & seen["test"]
    assert all({g.digit for g in part} == set(range(10)) for part in glyphs.values())


def test_box_is_tight_around_its_mask_and_masks_do_not_overlap(tmp_path):
    split = open_digits(conf(tmp_path), "instance_segmentation")["train"]
    for record in (split[i] for i in range(len(split))):
        total = np.zeros(record.size_hw, int)
        for item in record.annotations:
            mask = coco_mask.decode(item.segmentation)
            rows, columns = np.nonzero(mask)
            left, top, width, height = item.bbox_xywh
            assert (left, top) == (columns.min(), rows.min())
            assert (width, height) == (np.ptp(columns) + 1, np.ptp(rows) + 1)
            assert item.area == mask.sum()
            total += mask
        assert 1 <= len(record.annotations) <= 4
        assert total.max() == 1


def test_semantic_and_panoptic_masks_agree_with_the_instances(tmp_path):
    objects, semantic, panoptic = (
        open_digits(conf(tmp_path), f"{kind}_segmentation")["val"]
        for kind in ("instance", "semantic", "panoptic")
    )
    for split in (semantic, panoptic):
        names = [category.name for category in split.categories]
        assert names == [str(i) for i in range(10)] + ["paper", "stripes", "weave"]
    assert [c.isthing for c in panoptic.categories] == [True] * 10 + [False] * 3
    for i in range(len(objects)):
        classes = cv2.imread(str(semantic[i].mask.path), cv2.IMREAD_UNCHANGED)
        ids = rgb(panoptic[i].mask.path).astype(int) @ [1, 256, 65536]
        assert set(np.unique(ids)) == {x.segment_id for x in panoptic[i].segments}
        for segment in panoptic[i].segments:
            inside = ids == segment.segment_id
            assert segment.area == inside.sum()
            assert set(classes[inside]) == {segment.source_category}
        for item in objects[i].annotations:
            inside = coco_mask.decode(item.segmentation).astype(bool)
            assert set(classes[inside]) == {item.source_category}


def test_crops_show_one_digit_each(tmp_path):
    splits = open_digits(conf(tmp_path), "classification")
    assert {name: len(split) for name, split in splits.items()} == {
        "train": 12,
        "val": 10,
        "test": 10,
    }
    for record in (splits["train"][i] for i in range(12)):
        height, width, _ = rgb(record.image.path).shape
        assert 10 <= width <= 80
        assert 15 <= height <= 80
        assert record.source_category in range(10)


def test_same_seed_same_pictures_other_seed_other_pictures(tmp_path):
    for cache in ("a", "b"):
        open_digits(conf(tmp_path / cache), "detection")
    assert files_of(tmp_path / "a") == files_of(tmp_path / "b")
    other = open_digits(conf(tmp_path / "a", data_seed=1), "detection")
    first = open_digits(conf(tmp_path / "a"), "detection")
    assert other["train"][0].image.path.read_bytes() != first["train"][0].image.path.read_bytes()


def test_more_images_keep_the_ones_before(tmp_path):
    few = open_digits(conf(tmp_path), "detection")["train"]
    many = open_digits(
        DigitsConf(num_train=15, num_val=10, num_test=10, cache_dir=str(tmp_path)), "detection"
    )["train"]
    assert many[11].image.path.read_bytes() == few[11].image.path.read_bytes()
    assert many[11].annotations == few[11].annotations


def test_a_cache_that_lost_a_file_is_drawn_again(tmp_path):
    lost = open_digits(conf(tmp_path), "detection")["val"][3].image.path
    kept = lost.read_bytes()
    lost.unlink()
    again = open_digits(conf(tmp_path), "detection")["val"][3].image.path
    assert again == lost
    assert again.read_bytes() == kept
    assert [p.name for p in tmp_path.iterdir()] == [lost.parents[2].name]


def test_two_processes_at_once_agree(tmp_path):
    context = multiprocessing.get_context("fork")
    both = [
        context.Process(target=open_digits, args=(conf(tmp_path), "detection")) for _ in range(2)
    ]
    for process in both:
        process.start()
    for process in both:
        process.join()
    assert [process.exitcode for process in both] == [0, 0]
    assert len(list(tmp_path.iterdir())) == 1


def test_unwritable_cache_says_what_to_do(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"data\.cache_dir="):
        open_digits(conf(tmp_path / "file"), "detection")
