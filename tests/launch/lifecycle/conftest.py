"""A person's machine: a folder, a queue, a ledger; commands are spoken and their words read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from cvcore.cli.main import main
from cvcore.data.digit_scenes import draw_scene, load_glyphs

SMALL = [
    "data.num_train=16", "data.num_val=10", "data.num_test=10", "trainer.use_cpu=true",
    "trainer.max_steps=3", "trainer.per_device_train_batch_size=4", "tracking.num_images=0",
    "monitoring.system_metrics=false", "trainer.dataloader_num_workers=0",
]  # fmt: skip
POLICY = "size_mib: 200\nlicences: [Apache-2.0]\n"


def assert_alike(one: Any, other: Any) -> None:
    """Assert that two answers say the same; in a batch the last digits of a number are others.

    Of objects the labels and scores are compared, by size: of a model that has hardly learned many scores are
    nearly equal, and either may come first or be left out.
    """
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_alike(one[key], other[key])
    elif isinstance(one, list) and one and isinstance(one[0], dict):
        assert len(one) == len(other)
        assert sorted(item["label"] for item in one) == sorted(item["label"] for item in other)
        assert _scores(one) == pytest.approx(_scores(other), abs=1e-3)
    elif isinstance(one, bytes):
        assert len(one) == pytest.approx(len(other), rel=0.05)
    else:
        assert one == other


def _scores(items: list[dict[str, Any]]) -> list[float]:
    return sorted(item.get("score") or item.get("fraction") or 0.0 for item in items)


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of five scenes with digits."""
    folder = tmp_path_factory.mktemp("pictures")
    rng, glyphs = np.random.default_rng(0), load_glyphs(0)["test"]
    for number in range(5):
        image_HW3 = draw_scene(rng, glyphs, 96, 3).image_HW3
        assert cv2.imwrite(str(folder / f"{number}.png"), image_HW3)
    return folder


@pytest.fixture
def say(ledger_uri: str, state: Path, capfd: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Return a function: the words of a command -> what it printed; it must succeed."""

    def spoken(*words: str) -> str:
        capfd.readouterr()
        code = main(list(words))
        out, err = capfd.readouterr()
        assert code == 0, f"lakesight {' '.join(words)}: {code}\n{out}\n{err}"
        return out

    return spoken
