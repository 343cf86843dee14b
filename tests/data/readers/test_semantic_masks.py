"""The reader of semantic PNG masks."""

from __future__ import annotations

import numpy as np
import pytest

from cvcore.config.schema import SemanticMasksConf
from cvcore.data.build import build_sample
from cvcore.data.images import decode
from cvcore.data.labels import LabelSpace
from cvcore.data.readers import open_splits
from cvcore.errors import DataError

KIND = "semantic_segmentation"


def ids(*values):
    mask = np.zeros((24, 32), np.uint8)
    for row, value in enumerate(values):
        mask[row] = value
    return mask


@pytest.fixture
def masks(files):
    files.image("images/train/a.png")
    files.image("images/train/city/b.png")
    files.mask("masks/train/a.png", ids(7, 255, 3))
    files.mask("masks/train/city/b.png", ids(7))
    files.image("images/val/c.png")
    files.mask("masks/val/c.png", ids(200))
    files.json("classes.json", {"0": "ground", "3": "road", "7": "sky", "200": "car"})
    return files


def samples(conf):
    splits = open_splits(conf, KIND)
    labels = LabelSpace.over(s.categories for s in splits.values())
    return labels, [build_sample(r, labels, KIND, decode(r.image)) for r in splits["train"]]


def test_values_become_contiguous_indices(masks):
    labels, (first, second) = samples(SemanticMasksConf(root=str(masks.root)))
    assert labels.names == ["ground", "road", "sky", "car"]
    target = first.target.semantic_HW
    assert target.dtype == np.uint8
    assert target[:4, 0].tolist() == [2, 255, 1, 0]
    assert second.image_id == "city/b.png"


def test_classes_from_the_masks_themselves(masks):
    labels, _ = samples(SemanticMasksConf(root=str(masks.root), classes=None))
    assert [label.source_id for label in labels.labels] == [0, 3, 7, 200]


def test_classes_as_a_list(masks):
    masks.json("classes.json", ["ground", "a", "b", "road", "c", "d", "e", "sky"])
    labels, (first, _) = samples(SemanticMasksConf(root=str(masks.root)))
    assert labels.names[3] == "road"
    assert first.target.semantic_HW[0, 0] == 7


def test_another_ignore_value(masks):
    labels, (first, _) = samples(
        SemanticMasksConf(root=str(masks.root), ignore_value=0, classes=None)
    )
    assert 0 not in labels.index_of
    assert first.target.semantic_HW[10, 0] == 255


def test_a_value_that_is_no_class(masks):
    masks.json("classes.json", {"0": "ground"})
    with pytest.raises(DataError, match=r"a\.png has pixels of value [37], which is no class.*0"):
        samples(SemanticMasksConf(root=str(masks.root)))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"sky": "7"}, "must be whole numbers"),
        ("sky", "must hold classes"),
        ({}, "must hold classes"),
    ],
)
def test_a_class_file_of_another_form(masks, content, message):
    masks.json("classes.json", content)
    with pytest.raises(DataError, match=message):
        samples(SemanticMasksConf(root=str(masks.root)))


def test_no_class_file(masks):
    (masks.root / "classes.json").unlink()
    with pytest.raises(DataError, match=r"data.classes .null: the masks' own numbers"):
        samples(SemanticMasksConf(root=str(masks.root)))


def test_mask_of_another_size(masks):
    masks.mask("masks/train/a.png", np.zeros((5, 6)))
    with pytest.raises(DataError, match=r"a\.png is 6 x 5 pixels, its image 32 x 24"):
        samples(SemanticMasksConf(root=str(masks.root)))


def test_an_image_without_mask(masks):
    masks.image("images/train/z.png")
    with pytest.raises(DataError, match=r"z\.png has no mask"):
        samples(SemanticMasksConf(root=str(masks.root)))


def test_no_pair_at_all(masks):
    masks.image("images/val/c.png").rename(masks.root / "images/val/other.png")
    with pytest.raises(DataError, match=r"for other there is no .*masks/val/other\.png"):
        samples(SemanticMasksConf(root=str(masks.root)))


def test_two_images_for_one_mask(masks):
    masks.image("images/train/a.bmp")
    with pytest.raises(DataError, match="the same name but for the extension"):
        samples(SemanticMasksConf(root=str(masks.root)))


def test_more_classes_than_the_ignore_index_allows(masks):
    masks.json("classes.json", {str(i): f"class {i}" for i in range(256)})
    with pytest.raises(DataError, match="256 classes; semantic segmentation takes at most 255"):
        samples(SemanticMasksConf(root=str(masks.root)))
