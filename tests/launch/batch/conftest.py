"""A micro model with random weights, as a run's folder, and pictures for it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest


@pytest.fixture(scope="session")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with a detection model that knows three classes."""
    import torch

    from cvcore.config.composer import load
    from cvcore.data.labels import LabelSpace
    from cvcore.data.records import Category
    from cvcore.serve import artifact
    from cvcore.tasks.registry import get_task

    torch.manual_seed(0)
    config = load(["task=detection"])
    names = ("bolt", "nut", "washer")
    labels = LabelSpace.over([[Category(i, name) for i, name in enumerate(names)]])
    task = get_task("detection", config.model, config.task)
    model, processor = task.load(config.model, labels)
    folder = tmp_path_factory.mktemp("runs") / "parts"
    saved = artifact.of_run(config, labels, "0123")
    artifact.save(folder / "best", saved, model.eval(), processor)
    return folder


def png(number: int) -> bytes:
    """Return a picture that no other number has."""
    rng = np.random.default_rng(number)
    ok, data = cv2.imencode(".png", rng.integers(0, 256, (40, 56, 3), dtype=np.uint8))
    assert ok
    return data.tobytes()


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 40 pictures, three of them broken, in two levels."""
    folder = tmp_path_factory.mktemp("photos")
    (folder / "deep").mkdir()
    for number in range(37):
        name = f"deep/{number:02d}.png" if number % 2 else f"{number:02d}.png"
        (folder / name).write_bytes(png(number))
    (folder / "empty.png").write_bytes(b"")
    (folder / "text.jpg").write_bytes(b"hello")
    (folder / "torn.png").write_bytes(png(99)[:300])
    (folder / "notes.txt").write_text("no picture")
    return folder
