"""Runs to evaluate: saved micro models with random weights, and reports of all five tasks.

A random model finds nothing, so most of a report would be empty. `report` therefore comes in two
kinds: of the model's own answers, and of answers that are the truth with mistakes in it ("oracle").
"""

from __future__ import annotations

import contextlib
import io
import sys
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from cvcore.cli.main import main
from cvcore.config.composer import load
from cvcore.config.schema import TASKS
from cvcore.data.boxes import xywh_to_xyxy
from cvcore.data.masks import decode
from cvcore.data.prepare import prepare
from cvcore.data.samples import Prediction, Truth
from cvcore.serve import artifact
from cvcore.tasks.registry import get_task
from cvcore.train.frozen import write_overrides

sys.path.insert(0, str(Path(__file__).parent))

NUM_IMAGES = 12


@pytest.fixture(scope="session")
def run_of(tmp_path_factory: pytest.TempPathFactory, cache_dir: Path) -> Callable[[str], Path]:
    """Return a function: task kind -> a run's folder with a saved model of random weights."""
    made: dict[str, Path] = {}

    def folder_of(kind: str) -> Path:
        if kind not in made:
            torch.manual_seed(0)
            overrides = [
                f"task={kind}",
                "data.num_train=16",
                "data.num_val=10",
                f"data.num_test={NUM_IMAGES}",
                f"data.cache_dir={cache_dir}",
                "trainer.dataloader_num_workers=0",
                "trainer.bootstrap_samples=40",
            ]
            config = load(overrides)
            data = prepare(config)
            task = get_task(kind, config.model, config.task)
            model, processor = task.load(config.model, data.labels)
            run_dir = tmp_path_factory.mktemp(kind)
            what = artifact.of_run(config, data.labels, data.fingerprint)
            artifact.save(run_dir / "best", what, model.eval(), processor)
            write_overrides(run_dir, overrides)
            made[kind] = run_dir
        return made[kind]

    return folder_of


@dataclass(frozen=True)
class Evaluated:
    """An evaluation by the command line.

    Attributes:
        kind: of task.
        folder: of the report.
        truths: that the metric has seen.
        predictions: that it has seen.
        printed: on stdout.
    """

    kind: str
    folder: Path
    truths: list[Truth]
    predictions: list[Prediction]
    printed: str


@pytest.fixture(
    scope="session",
    params=[(kind, answers) for kind in TASKS for answers in ("oracle", "model")],
    ids="-".join,
)
def report(request, run_of, tmp_path_factory) -> Evaluated:
    """The report of `lakesight evaluate <run> --split test`, and what the metric has seen."""
    kind, answers = request.param
    run_dir, folder = run_of(kind), tmp_path_factory.mktemp("report")
    seen: dict[int | str, tuple[Prediction, Truth]] = {}
    task_of = get_task

    def observed(*args):
        task = task_of(*args)
        models_own = task.predict

        def predict(outputs, truths):
            found = models_own(outputs, truths)
            if answers == "oracle":
                found = [with_mistakes(truth, len(task_labels)) for truth in truths]
            seen.update((t.image_id, (p, t)) for p, t in zip(found, truths, strict=True))
            return found

        task_labels = artifact.read(run_dir / "best").labels
        task.predict = predict
        return task

    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(io.StringIO()) as out:
        patch.setattr("cvcore.evaluate.saved.get_task", observed)
        assert main(["evaluate", str(run_dir), "--split", "test", "--out", str(folder)]) == 0
    predictions, truths = zip(*(seen[i] for i in sorted(seen)), strict=True)
    return Evaluated(kind, folder, list(truths), list(predictions), out.getvalue())


def with_mistakes(truth: Truth, num_labels: int) -> Prediction:
    """Return an answer that is right in many places; the same one for the same image."""
    rng = np.random.default_rng(zlib.crc32(str(truth.image_id).encode()))
    target, (height, width) = truth.target, truth.size_hw
    found = Prediction(truth.image_id)
    if target.class_index is not None:
        found.scores_K = rng.dirichlet(np.ones(num_labels)).astype(np.float32)
        found.scores_K[target.class_index] += 0.4
        found.scores_K /= found.scores_K.sum()
        return found
    if target.semantic_HW is not None:
        wrong = rng.integers(0, num_labels, target.semantic_HW.shape)
        found.semantic_HW = target.semantic_HW.astype(np.uint8)
        mistaken = np.zeros((height, width), bool)
        mistaken[: height // 3] = rng.random((height // 3, width)) < 0.3
        mistaken |= target.semantic_HW == 255
        found.semantic_HW = np.where(mistaken, wrong, found.semantic_HW).astype(np.uint8)
        return found
    if target.segment_ids_HW is not None:
        shift = (int(rng.integers(-2, 3)), int(rng.integers(-2, 3)))
        found.segment_ids_HW = np.roll(target.segment_ids_HW, shift, (0, 1))
        found.segment_ids_N = target.segment_ids_N.copy()
        found.labels_N = _mislabelled(rng, target.labels_N, num_labels)
        return found
    # Each object twice (one of them moved), and something that is nowhere.
    again = np.concatenate([np.arange(len(target.labels_N))] * 2)
    moved = xywh_to_xyxy(target.boxes_N4[again])
    moved += rng.normal(0, 2.5, moved.shape).astype(np.float32)
    nowhere = np.array([[1, 1, 9, 9]], np.float32)
    found.boxes_N4 = np.concatenate([moved, nowhere]).astype(np.float32)
    found.labels_N = np.append(_mislabelled(rng, target.labels_N[again], num_labels), 0)
    found.scores_N = rng.random(len(found.labels_N)).astype(np.float32)
    if target.masks is not None:
        from pycocotools import mask

        found.masks = [
            mask.encode(
                np.asfortranarray(np.roll(decode(target.masks[i]), i % 3, (0, 1)), np.uint8)
            )
            for i in again
        ]
        corner = np.zeros((height, width), np.uint8, order="F")
        corner[1:9, 1:9] = 1
        found.masks.append(mask.encode(corner))
    return found


def _mislabelled(rng: np.random.Generator, labels_N: np.ndarray, num_labels: int) -> np.ndarray:
    wrong = rng.random(len(labels_N)) < 0.25
    return np.where(wrong, rng.integers(0, num_labels, len(labels_N)), labels_N).astype(np.int64)
