"""The final evaluation: the best model, read back from its folder, on every held-out split."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from transformers.integrations.deepspeed import unset_hf_deepspeed_config

from cvcore.config.schema import Config
from cvcore.data.dataset import VisionDataset
from cvcore.data.normalise import normalise
from cvcore.data.prepare import Prepared
from cvcore.evaluate import predictions, truths
from cvcore.evaluate.run import Subject, evaluate
from cvcore.monitor import reference
from cvcore.monitor.predicted import predicted
from cvcore.serve import artifact
from cvcore.tasks.base import Task
from cvcore.train import distributed
from cvcore.train.arguments import AUTOCAST, precision
from cvcore.train.batches import evaluation_loader

REPORT = "report"


def evaluate_best(
    config: Config,
    task: Task,
    data: Prepared,
    held_out: Mapping[str, VisionDataset],
    run_dir: Path,
    device: torch.device,
) -> dict[str, float]:
    """Return the best model's figures: "best/<key>" on val, "test/<key>" on test.

    It is the saved model that is evaluated, not the one in memory: what is reported is what anyone
    who loads the folder gets. Each split has its report in `report/<split>`; the score thresholds of
    best F1 on val become the model's own, and `reference.json` tells how images and answers were.

    Args:
        config: the run's.
        task: of the run.
        data: its label space and fingerprint.
        held_out: the data sets `val` and, if there is one, `test`.
        run_dir: of the run; `best/` is read, `report/` written.
        device: to evaluate on.
    """
    # Otherwise from_pretrained would split the weights for ZeRO-3.
    unset_hf_deepspeed_config()
    saved = artifact.read(run_dir / "best")
    model: Any
    model, _ = task.load(saved.model, data.labels)
    model.to(device)
    conf = config.trainer

    def to_device(batch: dict[str, Any]) -> dict[str, Any]:
        pixels = batch["pixel_values"].to(device, non_blocking=True)
        return {"pixel_values": normalise(pixels, config.model.image_mean, config.model.image_std)}

    autocast = AUTOCAST[precision(config)]
    figures: dict[str, float] = {}
    for name, dataset in held_out.items():
        loader = evaluation_loader(
            dataset,
            task.collate,
            conf.per_device_eval_batch_size,
            conf.dataloader_num_workers,
            distributed.rank(),
            distributed.world_size(),
        )
        subject = Subject(
            model=model,
            model_name=config.model.checkpoint or config.model.model_type or "",
            task=task,
            config=config,
            labels=data.labels,
            dataset=dataset,
            split=name,
            fingerprint=data.fingerprint,
            prepare=to_device,
            autocast=autocast,
        )
        found = evaluate(subject, loader, run_dir / REPORT / name)
        if name == "val" and distributed.rank() == 0:
            artifact.set_class_thresholds(run_dir / "best", found.thresholds)
            _write_reference(config, data, run_dir, found.thresholds)
        prefix = "best" if name == "val" else name
        figures |= {f"{prefix}/{key}": float(v) for key, v in found.metrics.items()}
        figures |= {
            f"{prefix}/{key}_{end}": getattr(interval, end)
            for key, interval in found.intervals.items()
            if key == config.task.metric
            for end in ("low", "high")
        }
    return figures


def _write_reference(
    config: Config, data: Prepared, run_dir: Path, thresholds: Mapping[str, float]
) -> None:
    """Keep with the model how its images were and what it says of such: drift is told by that."""
    report = run_dir / REPORT / "val"
    images = reference.of_images(
        data.splits["train"], data.fingerprint, config.data.max_image_pixels
    )
    answers = predicted(
        report / predictions.FILE,
        report / truths.FILE,
        data.labels,
        config.serving.score_threshold,
        thresholds,
    )
    reference.write(run_dir / "best", reference.with_answers(images, answers))
