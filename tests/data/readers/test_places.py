"""Paths as people write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from cvcore.data.places import localise, require_file, require_folder
from cvcore.errors import DataError


@pytest.mark.parametrize(
    ("written", "opened"),
    [
        ("/Volumes/main/vision/cats", "/Volumes/main/vision/cats"),
        ("dbfs:/Volumes/main/vision/cats", "/Volumes/main/vision/cats"),
        ("dbfs:///Volumes/main/v/c", "/Volumes/main/v/c"),
        ("DBFS:/Volumes/x", "/Volumes/x"),
        ("dbfs:/data/sbfd", "/dbfs/data/sbfd"),
        ("dbfs:/VolumesOfData/x", "/dbfs/VolumesOfData/x"),
        ("dbfs:/dbfs", "/dbfs/dbfs"),
        ("/dbfs/data", "/dbfs/data"),
        ("file:/home/me/cats", "/home/me/cats"),
        ("file:///home/me/my%20cats", "/home/me/my cats"),
        ("data/cats", "data/cats"),
        ("../cats", "../cats"),
        ("./a:b", "a:b"),
        ("C", "C"),
    ],
)
def test_localise(written, opened):
    assert localise(written) == Path(opened)


def test_home():
    assert localise("~/cats") == Path.home() / "cats"


@pytest.mark.parametrize(
    "written",
    ["s3://bucket/cats", "abfss://c@a.dfs.core.windows.net/x", "https://x.org/a", "gs://b"],
)
def test_a_store_that_is_not_mounted(written):
    with pytest.raises(DataError, match=r"does not mount .* Put the data in a Volume"):
        localise(written)


@pytest.mark.parametrize("written", ["", "  "])
def test_empty(written):
    with pytest.raises(DataError, match="a path is empty"):
        localise(written)


def test_missing_things_name_the_setting_and_what_is_there(tmp_path):
    (tmp_path / "annotations").mkdir()
    with pytest.raises(
        DataError, match=r"data\.train is .*not exist; .*/annotations holds nothing"
    ):
        require_file(tmp_path / "annotations" / "train.json", "data.train")
    with pytest.raises(DataError, match=r"holds annotations\..*Did you mean '.*/annotations'"):
        require_folder(tmp_path / "anotations" / "deep", "data.root")
    with pytest.raises(DataError, match="which is not a file"):
        require_file(tmp_path, "data.train")
