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
from cvcore.evaluate.loop import evaluate_batches, merge_ranks
from cvcore.serve import artifact
from cvcore.tasks.base import Task
from cvcore.train import distributed
from cvcore.train.arguments import AUTOCAST, precision
from cvcore.train.batches import evaluation_loader


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
    who loads the folder gets.

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
        metric = evaluate_batches(
            model,
            loader,
            task,
            task.metrics(config.task, data.labels),
            to_device,
            autocast=AUTOCAST[precision(config)],
        )
        merged = merge_ranks(metric, lambda: task.metrics(config.task, data.labels))
        prefix = "best" if name == "val" else name
        figures |= {f"{prefix}/{key}": float(v) for key, v in merged.compute().items()}
    return figures
