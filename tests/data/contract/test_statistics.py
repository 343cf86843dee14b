"""Statistics, copies and leaks of small data sets whose figures are known."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from cvcore.data.contract import check
from cvcore.data.duplicates import NEAR_BITS, Picture, find_copies, leaks, signature_of
from cvcore.data.labels import LabelSpace
from cvcore.data.readers import open_splits
from cvcore.data.statistics import Spread, statistics


def of(conf, kind):
    splits = open_splits(conf, kind)
    labels = LabelSpace.over(s.categories for s in splits.values())
    return statistics(splits, check(splits, kind, conf), labels)


def test_objects_and_boxes(make):
    train = of(make("detection").save(), "detection").splits["train"]
    assert train.num_images == 3
    assert [(c.label, c.objects, c.images) for c in train.classes] == [
        ("cell", 3, 3),
        ("grain", 3, 3),
    ]
    assert train.objects_per_image == Spread(2, 2, 2, 2, 2, 2)
    assert train.sizes == ((64, 48, 3),)
    assert train.aspect.median == pytest.approx(64 / 48)
    assert train.boxes_by_size == {"small": 6, "medium": 0, "large": 0}
    assert train.box_side.most == pytest.approx(20)
    assert train.box_share.most == pytest.approx((400 / (64 * 48)) ** 0.5)


def test_pixels_of_semantic_classes(make):
    found = of(make("semantic_segmentation").save(), "semantic_segmentation")
    half = 3 * 48 * 32
    assert [(c.label, c.images, c.pixels) for c in found.splits["train"].classes] == [
        ("road", 3, half),
        ("sky", 3, half),
    ]
    assert found.splits["train"].num_without == 0


def test_images_of_a_class(make):
    found = of(make("classification").save(), "classification")
    assert [(c.label, c.images) for c in found.splits["val"].classes] == [("cat", 2), ("dog", 2)]
    assert found.copies == ()
    json.dumps(found.to_dict(), allow_nan=False)


def test_exact_copies_near_copies_and_leaks(make):
    data = make("classification")
    cats = data.root / "train/cat"
    shutil.copy(cats / "1.png", cats / "again.png")
    # Smaller, brighter and as JPEG: other bytes, the same picture, in the other split.
    picture = Image.open(cats / "2.png").resize((48, 36)).point(lambda v: min(255, v + 6))
    picture.save(data.root / "val/cat/near.jpg", quality=80)
    found = of(data.save(), "classification")
    groups = {group.kind: {file for _, _, file in group.images} for group in found.copies}
    assert groups == {
        "exact": {str(cats / "1.png"), str(cats / "again.png")},
        "near": {str(cats / "2.png"), str(data.root / "val/cat/near.jpg")},
    }
    assert [group.leak for group in found.copies] == [True, False]
    assert found.leaks == {("train", "val"): 1, ("val", "train"): 1}


def test_pictures_that_only_look_alike_in_colour_are_no_copies(make):
    data = make("classification")
    picture = Image.open(data.root / "train/cat/1.png")
    picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(data.root / "train/cat/flipped.png")
    for i, value in enumerate((10, 200)):  # without structure there is nothing to compare
        Image.new("RGB", (64, 48), (value,) * 3).save(data.root / f"train/dog/flat{i}.png")
    assert of(data.save(), "classification").copies == ()


def test_all_pairs_within_the_limit_are_found_and_no_other():
    rng = np.random.default_rng(0)
    base = rng.integers(0, 256, 16, dtype=np.uint8)
    for bits in range(1, 14):
        flipped = np.unpackbits(base)
        flipped[rng.choice(128, bits, replace=False)] ^= 1
        pair = [base.tobytes(), np.packbits(flipped).tobytes()]
        pictures = [
            Picture("train", i, f"{i}.png", bytes([i]), signature)
            for i, signature in enumerate(pair)
        ]
        assert bool(find_copies(pictures)) == (bits <= NEAR_BITS)


def test_leaks_count_files_once():
    pictures = [Picture(split, i, f"{split}/{i}", b"same", None) for split in "ab" for i in (0, 1)]
    assert leaks(find_copies(pictures)) == {("a", "b"): 2, ("b", "a"): 2}


def test_a_flat_picture_has_no_signature():
    assert signature_of(np.full((64, 64), 90, np.uint8)) is None
