"""`open_splits`: which reader serves which task, and what it says when it can't."""

from __future__ import annotations

import subprocess
import sys

import pytest

from cvcore.config.schema import TASKS, CocoConf, DataConf, ImageFolderConf, SemanticMasksConf
from cvcore.data.readers import READERS, open_splits
from cvcore.errors import DataError


def test_every_task_has_readers():
    for kind in TASKS:
        assert sum(kind in reader.kinds for reader in READERS.values()) >= 2


@pytest.mark.parametrize(
    ("conf", "kind", "message"),
    [
        (DataConf(reader="cocoo"), "detection", "'cocoo' does not exist.*Did you mean 'coco'"),
        (ImageFolderConf(root="."), "detection", "not for detection. .*: digits, coco,"),
        (SemanticMasksConf(root="."), "panoptic_segmentation", "digits, coco_panoptic"),
        (CocoConf(), "detection", "data.root is not set"),
        (CocoConf(root=" "), "detection", "a path is empty"),
        (CocoConf(root="s3://bucket/x"), "detection", "does not mount .s3:.*Volume"),
    ],
)
def test_one_sentence_for_each_mistake(conf, kind, message):
    with pytest.raises(DataError, match=message):
        open_splits(conf, kind)


def test_a_missing_root_names_its_neighbour(tmp_path):
    (tmp_path / "cats").mkdir()
    with pytest.raises(DataError, match=r"does not exist; .* holds cats\..*Did you mean '.*/cats'"):
        open_splits(ImageFolderConf(root=str(tmp_path / "cat")), "classification")


def test_a_missing_split_names_its_setting_and_neighbour(files):
    files.image("train/cat/1.png")
    files.image("validation/cat/1.png")
    with pytest.raises(DataError, match=r"^data\.val is .*Did you mean '.*/validation'"):
        open_splits(ImageFolderConf(root=str(files.root)), "classification")


def test_a_file_where_a_folder_should_be(files):
    files.write("train", b"")
    with pytest.raises(DataError, match="which is not a folder"):
        open_splits(ImageFolderConf(root=str(files.root)), "classification")


def test_readers_load_nothing_heavy():
    code = (
        "import sys, cvcore.data.readers, cvcore.data.readers.coco, "
        "cvcore.data.readers.delta_table, cvcore.data.readers.hf_dataset\n"
        "heavy = {'torch', 'transformers', 'pandas', 'pyarrow', 'deltalake', 'datasets'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
