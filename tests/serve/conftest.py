"""Saved micro models with random weights, one per task, made once per session."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from cvcore.config.composer import load
from cvcore.data.labels import LabelSpace
from cvcore.data.records import Category
from cvcore.serve import artifact
from cvcore.tasks.registry import get_task

NAMES = ["bolt", "nut", "washer"]


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return a function: task kind -> a saved model folder with random weights."""
    made: dict[str, Path] = {}

    def folder_of(kind: str) -> Path:
        if kind not in made:
            torch.manual_seed(0)
            config = load([f"task={kind}"])
            labels = LabelSpace.over(
                [[Category(i, name, isthing=i != 2) for i, name in enumerate(NAMES)]]
            )
            task = get_task(kind, config.model, config.task)
            model, processor = task.load(config.model, labels)
            made[kind] = tmp_path_factory.mktemp(kind)
            artifact.save(
                made[kind], artifact.of_run(config, labels, "0123"), model.eval(), processor
            )
        return made[kind]

    return folder_of


@pytest.fixture
def images() -> list[NDArray[np.uint8]]:
    """Return pictures of different sizes, one of them larger than the models' input."""
    rng = np.random.default_rng(0)
    sizes = [(48, 64), (96, 96), (130, 70)]
    return [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in sizes]
