"""A server that may look into a folder of the tests, with its own state folder."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from panel_app.data.sets import DataSets
from panel_app.media import Media
from panel_app.roots import Roots
from tests.panel_app.conftest import NASTY, Server

FEW = "data.num_train=12 data.num_val=10 data.num_test=10"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def nasty(folder: Path) -> Path:
    """A COCO data set whose class and files are named to run a script, with one box outside."""
    root = folder / "nasty"
    (root / "annotations").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for split, number in (("train", 5), ("val", 2)):
        (root / split).mkdir()
        images, annotations = [], []
        for i in range(number):
            name = f"{NASTY.replace('/', '')}{split}{i}.png"
            picture_HW3 = rng.integers(0, 255, (40, 60, 3), np.uint8)
            cv2.imwrite(str(root / split / name), picture_HW3)
            images.append({"id": i, "file_name": name, "width": 60, "height": 40})
            box = [10, 10, 20, 15] if i else [55, 35, 20, 15]
            annotations.append({"id": i, "image_id": i, "category_id": 7, "bbox": box, "area": 300})
        content = {
            "images": images,
            "annotations": annotations,
            "categories": [{"id": 7, "name": NASTY}],
        }
        (root / "annotations" / f"instances_{split}.json").write_text(json.dumps(content))
    return root


class Services:
    """What `DataSets` needs of the app's services."""

    def __init__(self, roots: Roots) -> None:
        self.media, self.roots = Media("secret"), roots


@pytest.fixture
def sets(folder: Path, monkeypatch: pytest.MonkeyPatch) -> DataSets:
    monkeypatch.setenv("LAKESIGHT_STATE_DIR", str(folder / "own-state"))
    return DataSets(Services(Roots([folder])))


@pytest.fixture(scope="module")
def data_server(ledger, folder: Path, request: pytest.FixtureRequest):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAKESIGHT_STATE_DIR", str(folder / "state"))
        server = Server(ledger[0], folder, "--root", str(folder))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def cells(bccd: Path, folder: Path) -> Path:
    """A copy of BCCD, so that it lies in the server's folder."""
    root = folder / "cells"
    shutil.copytree(bccd, root, ignore=shutil.ignore_patterns("test*", "*_test.json"))
    root.chmod(0o755)
    for path in root.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return root


@pytest.fixture(autouse=True)
def _patient(request: pytest.FixtureRequest) -> None:
    """Workers and a browser share the machine with other tests."""
    if "page" in request.fixturenames:
        request.getfixturevalue("page").set_default_timeout(60_000)
