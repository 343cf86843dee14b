"""A run with a micro model of random weights, in a folder and in a ledger: something to ask."""

from __future__ import annotations

from pathlib import Path

NAMES = ("bolt", "nut", "washer")


def micro_run(folder: Path, uri: str, kind: str) -> str:
    """Make it; return the id of the run, whose title is `parts`."""
    import torch

    from cvcore.config.composer import load
    from cvcore.data.labels import LabelSpace
    from cvcore.data.records import Category
    from cvcore.serve import artifact
    from cvcore.tasks.registry import get_task
    from launch import tags
    from launch.ledger import Ledger

    torch.manual_seed(0)
    config = load([f"task={kind}"])
    labels = LabelSpace.over([[Category(i, name) for i, name in enumerate(NAMES)]])
    task = get_task(kind, config.model, config.task)
    model, processor = task.load(config.model, labels)
    saved = artifact.of_run(config, labels, "0123")
    artifact.save(folder / "best", saved, model.eval(), processor)
    ledger = Ledger(uri)
    run_id = ledger.create("parts", "parts", {tags.FOLDER: str(folder)})
    ledger.client.set_terminated(run_id, "FINISHED")
    return run_id


def png(number: int) -> bytes:
    """Return a picture of 56 x 40 that no other number has."""
    import cv2
    import numpy as np

    rng = np.random.default_rng(number)
    ok, data = cv2.imencode(".png", rng.integers(0, 256, (40, 56, 3), dtype=np.uint8))
    assert ok
    return data.tobytes()
