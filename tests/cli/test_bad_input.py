"""What is wrong with the data or a model is one sentence and exit code 2; nothing is lost by it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from cvcore.cli.main import main

Refusal = Callable[..., str]


@pytest.fixture
def refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Refusal:
    def check(*overrides: str) -> str:
        run = tmp_path / "run"
        words = ["train", f"run.dir={run}", "trainer.max_steps=1", *overrides]
        assert main(words) == 2
        out, err = capsys.readouterr()
        lines = [line for line in err.splitlines() if line.startswith("error: ")]
        assert len(lines) == 1, err
        assert "Traceback" not in out + err
        assert not (run / "best").exists()
        return lines[0]

    return check


def picture(path: Path, seed: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    cv2.imwrite(str(path), pixels)


def image_folder(root: Path, splits: dict[str, list[str]]) -> list[str]:
    """Write an ImageFolder with two pictures of each class; return the overrides that read it."""
    for split, classes in splits.items():
        (root / split).mkdir(parents=True)
        for i, name in enumerate(classes):
            for j in range(2):
                picture(root / split / name / f"{j}.png", seed=len(split) * 100 + 10 * i + j)
    return ["task=classification", "data=image_folder", f"data.root={root}"]


def snapshot(root: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def test_a_folder_that_is_not_there(refused: Refusal, tmp_path: Path) -> None:
    (tmp_path / "cells").mkdir()
    error = refused("task=detection", "data=coco", f"data.root={tmp_path / 'cels'}")
    assert "cels" in error
    assert "Did you mean" in error
    assert error.endswith("cells'?")


def test_a_split_without_images(refused: Refusal, tmp_path: Path) -> None:
    root = tmp_path / "data"
    error = refused(*image_folder(root, {"train": ["a", "b"], "val": []}))
    assert "val" in error


def test_a_class_in_val_only(refused: Refusal, tmp_path: Path) -> None:
    root = tmp_path / "data"
    overrides = image_folder(root, {"train": ["cat", "dog"], "val": ["cat", "dog", "horse"]})
    error = refused(*overrides)
    assert "horse" in error


def test_no_image_can_be_read(refused: Refusal, tmp_path: Path) -> None:
    root = tmp_path / "data"
    overrides = image_folder(root, {"train": ["a", "b"], "val": ["a", "b"]})
    for path in (root / "train").rglob("*.png"):
        path.write_bytes(b"no picture")
    before = snapshot(root)
    for policy in ("strict", "drop", "repair"):
        error = refused(*overrides, f"data.policy={policy}")
        assert "train" in error or ".png" in error, policy
    assert snapshot(root) == before, "originals are never touched"


def test_a_picture_where_the_folder_should_be(refused: Refusal, tmp_path: Path) -> None:
    picture(tmp_path / "photo.png")
    error = refused("task=detection", "data=coco", f"data.root={tmp_path / 'photo.png'}")
    assert "photo.png" in error


def test_annotations_that_are_no_json(refused: Refusal, tmp_path: Path) -> None:
    root = tmp_path / "data"
    root.mkdir()
    (root / "train.json").write_text('{"images": [')
    (root / "val.json").write_text("{}")
    error = refused(
        "task=detection",
        "data=coco",
        f"data.root={root}",
        "data.train=train.json",
        "data.val=val.json",
    )
    assert "train.json" in error


def test_a_model_of_another_task(refused: Refusal, tmp_path: Path) -> None:
    from transformers import ViTConfig, ViTForImageClassification

    folder = tmp_path / "vit"
    small = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    ViTForImageClassification(ViTConfig(**small, intermediate_size=16)).save_pretrained(folder)
    error = refused("task=detection", f"model.checkpoint={folder}")
    assert "a model for classification, not for detection" in error


def test_what_the_model_does_not_have(refused: Refusal, tmp_path: Path) -> None:
    overrides = image_folder(tmp_path / "data", {"train": ["a", "b"], "val": ["a", "b"]})
    error = refused(*overrides, "trainer.gradient_checkpointing=true")
    assert "transformers has none for resnet" in error


def test_a_folder_that_cannot_be_written(refused: Refusal, tmp_path: Path) -> None:
    (tmp_path / "run").write_text("a file where the run's folder should be")
    assert "run" in refused("task=classification")
    assert (tmp_path / "run").read_text().startswith("a file")


@pytest.mark.slow
def test_a_run_of_other_classes_keeps_its_checkpoints(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = image_folder(tmp_path / "first", {"train": ["a", "b"], "val": ["a", "b"]})
    other = image_folder(tmp_path / "other", {"train": ["a", "c"], "val": ["a", "c"]})
    common = [
        f"run.dir={tmp_path / 'run'}",
        "trainer.max_steps=2",
        "trainer.per_device_train_batch_size=2",
        "trainer.dataloader_num_workers=0",
        "tracking.log_model=false",
    ]
    assert main(["train", *first, *common]) == 0
    kept = snapshot(tmp_path / "run" / "checkpoints") | snapshot(tmp_path / "run" / "best")
    capsys.readouterr()
    assert main(["train", *other, *common]) == 2
    error = capsys.readouterr().err
    assert "label" in error
    assert "Traceback" not in error
    assert snapshot(tmp_path / "run" / "checkpoints") | snapshot(tmp_path / "run" / "best") == kept
    assert os.environ.get("RANK") is None
