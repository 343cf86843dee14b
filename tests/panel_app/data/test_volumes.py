"""Volumes of a workspace: browsed, copied here, then shown like any folder."""

import time
from pathlib import Path

import pytest
from databricks.sdk.service.catalog import VolumeType

from cvcore.errors import DataError
from launch.workspace import FakeWorkspace
from panel_app.data import volumes
from panel_app.data.sets import DataSets
from panel_app.pages.data.browser import Browser

pytestmark = pytest.mark.slow


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nasty: Path):
    with FakeWorkspace(tmp_path / "ws") as ws:
        client = ws.client()
        client.volumes.create("main", "default", "cells", VolumeType.MANAGED)
        for path in nasty.rglob("*"):
            target = f"/Volumes/main/default/cells/blood/{path.relative_to(nasty)}"
            if path.is_file():
                client.files.create_directory(target.rpartition("/")[0])
                client.files.upload(target, path.open("rb"))
        monkeypatch.setenv("DATABRICKS_HOST", client.config.host)
        monkeypatch.setenv("DATABRICKS_TOKEN", client.config.token)
        volumes.client.cache_clear()
        yield ws
        volumes.client.cache_clear()


def done(sets: DataSets, name: str) -> None:
    end = time.monotonic() + 90
    while not sets.jobs.get(name).is_over:
        assert time.monotonic() < end, sets.jobs.get(name)
        time.sleep(0.05)
    assert sets.jobs.get(name).state == "done", sets.jobs.get(name)


def test_a_volume_is_browsed_and_copied_here(workspace, sets):
    browser = Browser(sets, lambda _path: None)
    path = dict(browser._read("")[2])["Volumes of the workspace"]
    for name in ("main", "default", "cells", "blood"):
        path = dict(browser._read(path)[2])[name]
    shown, above, folders, _ = browser._read(path)
    assert (shown, above) == (path, "/Volumes/main/default/cells")
    assert [name for name, _ in folders] == ["annotations", "train", "val"]
    with pytest.raises(DataError, match="can't be read from the workspace"):
        volumes.entries("/Volumes/main/default/none")

    root = "/Volumes/main/default/cells/blood"
    choice = sets.choose(("task=detection", "data=coco", f"data.root={root}"))
    assert sets.is_elsewhere(choice)
    done(sets, sets.start_fetch(choice))
    assert not sets.is_elsewhere(choice)
    done(sets, sets.start("index", choice))
    index = sets.index(choice)
    assert (index.count("train"), index.count("val")) == (5, 2)
    assert sets._thumbnail({"set": choice.key, "row": 0}).content_type == "image/png"
