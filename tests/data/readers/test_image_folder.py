"""The image-folder reader."""

from __future__ import annotations

import pytest

from cvcore.config.schema import ImageFolderConf
from cvcore.data.build import build_sample
from cvcore.data.images import decode
from cvcore.data.labels import LabelSpace
from cvcore.data.readers import open_splits
from cvcore.errors import DataError


def test_classes_are_the_union_over_splits(files):
    for name in ("train/cat/1.png", "train/dog/deep/er/2.PNG", "val/cat/3.png", "val/emu/4.png"):
        files.image(name)
    splits = open_splits(ImageFolderConf(root=str(files.root)), "classification")
    labels = LabelSpace.over(s.categories for s in splits.values())
    assert labels.names == ["cat", "dog", "emu"]
    records = list(splits["train"])
    assert [r.image_id for r in records] == ["cat/1.png", "dog/deep/er/2.PNG"]
    sample = build_sample(records[1], labels, "classification", decode(records[1].image))
    assert sample.target.class_index == 1
    assert sample.size_hw == (24, 32)


def test_hidden_and_other_files_are_skipped(files):
    files.image("train/cat/1.png")
    files.image("train/cat/._1.png")
    files.image("train/.cache/2.png")
    files.image("train/cat/.thumbs/3.png")
    files.write("train/cat/notes.txt", b"x")
    files.write("train/readme.md", b"x")
    files.image("val/cat/1.png")
    splits = open_splits(ImageFolderConf(root=str(files.root)), "classification")
    assert [r.image_id for r in splits["train"]] == ["cat/1.png"]
    assert [c.name for c in splits["train"].categories] == ["cat"]


def test_an_empty_class_is_a_class(files):
    files.image("train/cat/1.png")
    (files.root / "train/dog").mkdir()
    files.image("val/cat/1.png")
    splits = open_splits(ImageFolderConf(root=str(files.root)), "classification")
    assert [c.name for c in splits["train"].categories] == ["cat", "dog"]


def test_a_loop_of_links_ends(files):
    files.image("train/cat/1.png")
    (files.root / "train/cat/again").symlink_to(files.root / "train/cat")
    files.image("val/cat/1.png")
    splits = open_splits(ImageFolderConf(root=str(files.root)), "classification")
    assert len(splits["train"]) == 1


def test_images_without_class_folders(files):
    files.image("train/1.png")
    files.image("val/cat/1.png")
    with pytest.raises(DataError, match=r"no folder of a class\. Put each image in"):
        open_splits(ImageFolderConf(root=str(files.root)), "classification")


def test_an_empty_split(files):
    files.image("train/cat/1.png")
    (files.root / "val").mkdir()
    with pytest.raises(DataError, match=r"split 'val' of .* has no image\. Check data\.val"):
        open_splits(ImageFolderConf(root=str(files.root)), "classification")
