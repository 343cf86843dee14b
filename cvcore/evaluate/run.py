"""One evaluation from a model to a report, on one process or many."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from cvcore.config.schema import Config
from cvcore.data.dataset import VisionDataset
from cvcore.data.labels import LabelSpace
from cvcore.data.samples import Prediction, Truth
from cvcore.evaluate import kept, predictions, report, truths
from cvcore.evaluate.analysis import analyse
from cvcore.evaluate.bootstrap import Resampled, intervals
from cvcore.evaluate.certificate import certificate
from cvcore.evaluate.loop import Observer, Prepare, evaluate_batches, merge_ranks, predict_batch
from cvcore.evaluate.progress import Progress
from cvcore.evaluate.report import Report
from cvcore.evaluate.worst import draw_worst
from cvcore.metrics.streaming import StreamingMetric
from cvcore.tasks.base import Task

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Subject:
    """What is evaluated, and on what.

    Attributes:
        model: an HF model on its device.
        model_name: what the certificate calls it: a checkpoint or a folder.
        task: encodes, collates, predicts.
        config: task, model input, batch limits, resamples, seed.
        labels: the label space of model and data.
        dataset: the split, with truths (`training=False`).
        split: its name.
        fingerprint: of the data set.
        prepare: moves a batch to the device and normalises it.
        autocast: number format of the forward pass; None: as the model is.
    """

    model: torch.nn.Module
    model_name: str
    task: Task
    config: Config
    labels: LabelSpace
    dataset: VisionDataset
    split: str
    fingerprint: str
    prepare: Prepare
    autocast: torch.dtype | None = None


def evaluate(
    subject: Subject,
    batches: Iterable[dict[str, Any]],
    out_dir: Path,
    observers: Sequence[Observer] = (),
) -> Report:
    """Evaluate and write the report folder; return the report, the same on every process.

    Args:
        subject: what is evaluated.
        batches: this process's share of the split, each image on one process.
        out_dir: is made; all processes must see the same folder. An old report there is replaced.
        observers: see each batch, too.

    Raises:
        ModelError: the model's answers don't fit the label space, or are not finite.
        DataError: an image or its truth can't be used.
    """
    rank, world = _rank_and_world()
    out_dir.mkdir(parents=True, exist_ok=True)
    config, labels = subject.config, subject.labels
    progress = Progress(f"evaluating {subject.split}", len(subject.dataset), world)
    with (
        predictions.PredictionFile(_part(out_dir, rank, predictions.FILE), labels) as file,
        truths.TruthFile(_part(out_dir, rank, truths.FILE), labels) as truth_file,
        progress,
    ):
        metric: Any = evaluate_batches(
            subject.model,
            batches,
            subject.task,
            subject.task.metrics(config.task, labels),
            subject.prepare,
            autocast=subject.autocast,
            observers=[file, truth_file, progress, *observers],
        )
    metric = merge_ranks(metric, lambda: subject.task.metrics(config.task, labels))
    outcome: list[Report | None] = [None]
    if rank == 0:
        report.begin(out_dir)
        for name in (predictions.FILE, truths.FILE):
            _join(out_dir, world, name)
        kept.save(metric, out_dir / kept.FILE)
        outcome = [_written(subject, metric, out_dir, progress.elapsed_s)]
    if world > 1:
        dist.broadcast_object_list(outcome, src=0)
    assert outcome[0] is not None
    return outcome[0]


def _written(subject: Subject, metric: Any, out_dir: Path, duration_s: float) -> Report:
    """Return the report of a finished metric, and write it."""
    config = subject.config
    found: StreamingMetric = metric
    weighted: Resampled = metric
    analysis = analyse(found, config.serving.score_threshold)
    per_class = {
        name: {**row, **analysis.per_class.get(name, {})} for name, row in found.per_class().items()
    }
    result = Report(
        task=config.task.kind,
        split=subject.split,
        primary=config.task.metric,
        metrics=found.compute(),
        per_class=per_class,
        certificate=certificate(
            config,
            subject.labels,
            model_name=subject.model_name,
            split=subject.split,
            fingerprint=subject.fingerprint,
            num_images=len(weighted.image_ids),
            device=next(subject.model.parameters()).device,
            autocast=subject.autocast,
            duration_s=duration_s,
        ),
        intervals=intervals(weighted, config.trainer.bootstrap_samples, config.seed),
        analysis=analysis,
        folder=out_dir,
    )
    shutil.rmtree(out_dir / "worst", ignore_errors=True)
    worst = draw_worst(
        subject.dataset.split,
        analysis.image_scores,
        lambda index: _predict(subject, index),
        subject.labels,
        out_dir / "worst",
        max_pixels=config.data.max_image_pixels,
        thresholds=[
            analysis.thresholds.get(name, config.serving.score_threshold)
            for name in subject.labels.names
        ],
    )
    result = replace(result, worst=worst)
    report.write(result)
    return result


def _predict(subject: Subject, index: int) -> tuple[Prediction, Truth]:
    """Return prediction and truth of one image of the split."""
    batch = subject.task.collate([subject.dataset[index]])
    truths: list[Truth] = batch.pop("truths")
    subject.model.eval()
    _, found = predict_batch(
        subject.model, batch, truths, subject.task, subject.prepare, subject.autocast
    )
    return found[0], truths[0]


def _join(out_dir: Path, num_parts: int, name: str) -> None:
    """Join the files of all processes."""
    parts = [_part(out_dir, rank, name) for rank in range(num_parts)]
    missing = [path.name for path in parts if not path.is_file()]
    if missing:
        log.warning(
            "%s: %s of %d other processes is not in this folder and is left out",
            out_dir,
            name,
            len(missing),
        )
    predictions.join([path for path in parts if path.is_file()], out_dir / name)


def _part(out_dir: Path, rank: int, name: str) -> Path:
    return out_dir / f".{rank:04d}.{name}"


def _rank_and_world() -> tuple[int, int]:
    if dist.is_available() and dist.is_initialized():
        return dist.get_rank(), dist.get_world_size()
    return 0, 1
