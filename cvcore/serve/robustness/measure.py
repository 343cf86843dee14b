"""The robustness card of a saved model, measured on a split."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from cvcore.config.schema import Config
from cvcore.data.load import Loader
from cvcore.data.normalise import normalise
from cvcore.data.prepare import Prepared
from cvcore.data.samples import Truth
from cvcore.data.transforms import Transform, fit_transform
from cvcore.evaluate.loop import evaluate_batches
from cvcore.evaluate.open_split import open_split
from cvcore.evaluate.saved import configuration
from cvcore.serve import artifact
from cvcore.serve.register.gather import weights_hash
from cvcore.serve.robustness.change import turn, worsen
from cvcore.serve.robustness.record import CHANGES, shown
from cvcore.tasks.base import Encoded, Task
from cvcore.tasks.registry import get_task
from cvcore.train.batches import worker_arguments

NUM_IMAGES = 200


@dataclass
class Worsened(Dataset[Encoded]):
    """Images of a split, made worse in one way; the same on every run.

    Attributes:
        data: the split and the label space.
        split: its name.
        rows: which images of it.
        task: encodes.
        config: of the evaluation.
        fit: to the model's input.
        change: of `record.CHANGES`, or "" for the images as they are.
        value: of the severity.
    """

    data: Prepared
    split: str
    rows: Sequence[int]
    task: Task
    config: Config
    fit: Transform
    change: str = ""
    value: float = 0.0

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Encoded:
        """Return one item with its truth.

        Raises:
            DataError: the image can't be used.
        """
        row = self.rows[index]
        loader = Loader(self.data.labels, self.task.kind, self.config.data.max_image_pixels)
        sample = loader.whole(self.data.splits[self.split][row])
        rng = np.random.default_rng((self.config.seed, row))
        if self.change == "rotation":
            sample = turn(sample, self.value * rng.choice((-1, 1)), self.fit.fill)
        encoded = self.task.encode(self.fit(sample))
        if self.change not in ("", "rotation"):
            image_HW3 = np.ascontiguousarray(encoded.pixel_values_3HW.transpose(1, 2, 0))
            worse_HW3 = worsen(image_HW3, self.change, self.value, rng)
            encoded.pixel_values_3HW = worse_HW3.transpose(2, 0, 1)
        encoded.truth = Truth(sample.image_id, sample.size_hw, sample.target, sample.source)
        return encoded


def measure(
    folder: Path,
    overrides: Sequence[str] = (),
    split: str = "test",
    num_images: int = NUM_IMAGES,
    device: str | None = None,
    on_progress: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Return the robustness card of a saved model as JSON (see `record`).

    Args:
        folder: a saved model folder.
        overrides: of the data, on top of its run's own.
        split: that nothing was chosen on; val where there is no test.
        num_images: at most, spread evenly over the split.
        device: for torch; None: the GPU where there is one.
        on_progress: is told what comes next.

    Raises:
        LakesightError: the folder, the overrides or the data can't be used.
    """
    began = time.monotonic()
    config = configuration(folder, overrides)
    labels = artifact.read(folder).labels
    data = open_split(config, "val" if split == "test" else split, labels, str(folder), True)
    split = split if split in data.splits and len(data.splits[split]) else "val"
    task = get_task(config.task.kind, config.model, config.task)
    model: Any
    model, _ = task.load(config.model, data.labels)
    place = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    model.to(place)
    total = len(data.splits[split])
    rows = np.unique(np.linspace(0, total - 1, min(num_images, total)).round().astype(int)).tolist()
    images = Worsened(data, split, rows, task, config, fit_transform(config.model))
    clean = _figure(model, images, place)
    found: list[dict[str, Any]] = []
    settings = sum(len(values) for values, _, _ in CHANGES.values())
    for change, (values, _, _) in CHANGES.items():
        for severity, value in enumerate(values, 1):
            number = len(found) + 1
            on_progress(f"{change}, {shown(change, value)} ({number} of {settings})")
            images.change, images.value = change, value
            figure = _figure(model, images, place)
            kept = figure / clean if clean and figure is not None else None
            found.append(
                {
                    "change": change,
                    "severity": severity,
                    "setting": shown(change, value),
                    "value": figure,
                    "kept": kept,
                }
            )
    by_change = {c: _mean([r["kept"] for r in found if r["change"] == c]) for c in CHANGES}
    return {
        "metric": config.task.metric,
        "split": split,
        "num_images": len(rows),
        "fingerprint": data.fingerprint,
        "weights": weights_hash(folder),
        "clean": clean,
        "rows": found,
        "kept": by_change,
        "mean": _mean(list(by_change.values())),
        "seconds": round(time.monotonic() - began, 1),
    }


def _figure(model: Any, images: Worsened, device: torch.device) -> float | None:
    """Return the task's main figure; None if it is undefined."""
    config, task = images.config, images.task

    def prepare(batch: dict[str, Any]) -> dict[str, Any]:
        pixels = batch["pixel_values"].to(device)
        return {"pixel_values": normalise(pixels, config.model.image_mean, config.model.image_std)}

    conf = config.trainer
    # Workers cost more to start than a few images to read.
    workers = conf.dataloader_num_workers if len(images) > 64 else 0
    batches: DataLoader[Any] = DataLoader(
        images,
        batch_size=conf.per_device_eval_batch_size,
        collate_fn=task.collate,
        **worker_arguments(workers),
    )
    metric: Any = evaluate_batches(
        model, batches, task, task.metrics(config.task, images.data.labels), prepare
    )
    value = float(metric.compute()[config.task.metric])
    return value if math.isfinite(value) else None


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known and len(known) == len(values) else None
