"""`python -m cvcore.train.probe <config.yaml>`: what a training would take, measured on two images.

Prints one JSON object: see `probe`. `lakesight plan` runs it in a process of its own, because the
launcher never imports torch.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from pathlib import Path
from typing import Any

import psutil
import torch
from transformers import set_seed
from transformers.utils import logging as hf_logging

from cvcore.cli.exit import exit_code
from cvcore.config.schema import Config
from cvcore.data.dataset import VisionDataset
from cvcore.data.prepare import prepare
from cvcore.data.transforms import fit_transform, train_transform
from cvcore.tasks.registry import get_task
from cvcore.train import frozen, probe_memory, probe_time
from cvcore.train.optimizer import Frozen, build_optimizer, parameter_groups
from cvcore.train.probe_step import ProbeStep

GIB = float(1 << 30)


def probe(config: Config, world_sizes: list[int]) -> dict[str, Any]:
    """Build the run's model, put real images through it, and return what that took.

    Args:
        config: the run's.
        world_sizes: numbers of devices to ask DeepSpeed's estimators about.

    Returns:
        JSON-able: `model` (parameters, trainable, largest_layer, buffer_bytes), `states` (bytes of
        parameters, gradients, optimizer: counted after one real optimizer step), `activations` (by
        number format: fixed_bytes, bytes_per_image), `deepspeed` (number of devices -> stage ->
        DeepSpeed's own estimate of model states, bytes), `flops_per_image` (forward and backward),
        `time` (seconds per image, here), `data` (images per split, classes), `machine`.

    Raises:
        LakesightError: the data or the model can't be used.
    """
    data = prepare(config)
    task = get_task(config.task.kind, config.model, config.task)
    transform = train_transform(config.model, config.augment)
    images = VisionDataset(
        data.splits["train"],
        data.labels,
        task,
        transform,
        config.data,
        seed=config.seed,
        training=True,
    )
    held_out = VisionDataset(
        data.splits["val"],
        data.labels,
        task,
        fit_transform(config.model),
        config.data,
        seed=config.seed,
        training=False,
    )
    set_seed(config.seed)
    model, _ = task.load(config.model, data.labels)
    Frozen(model, config.optim.freeze)
    if config.trainer.gradient_checkpointing:
        model.gradient_checkpointing_enable()
    step = ProbeStep(model, task, images, config)
    activations = probe_memory.activations(step)
    optimizer = build_optimizer(parameter_groups(model, config.optim), config.optim)
    spent = probe_time.step_seconds(step, optimizer)
    states = probe_memory.states(model, optimizer)
    return {
        "model": probe_memory.size(model),
        "states": states,
        "activations": activations,
        "deepspeed": {str(n): probe_memory.deepspeed_estimates(model, n) for n in world_sizes},
        "flops_per_image": probe_time.flops_per_image(step),
        "time": {**spent, "load_s": probe_time.load_seconds(images, held_out)},
        "data": {
            "num_images": {name: len(split) for name, split in data.splits.items()},
            "num_classes": len(data.labels),
        },
        "machine": {
            "device": step.device.type,
            "gpus": [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())],
            "cpu_cores": psutil.cpu_count(),
            "memory_gib": round(psutil.virtual_memory().total / GIB, 2),
        },
    }


def main() -> int:
    """Print the probe's JSON; returns 0, or 2 for a user's fault."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", type=Path)
    parser.add_argument("--world-sizes", default="1", help="comma-separated numbers of devices")
    args = parser.parse_args()
    logging.basicConfig(format="%(message)s", stream=sys.stderr)
    hf_logging.set_verbosity_error()
    hf_logging.disable_progress_bar()
    if not torch.cuda.is_available():
        os.environ.setdefault("DS_ACCELERATOR", "cpu")  # else DeepSpeed warns on standard output
    sizes = [int(word) for word in args.world_sizes.split(",")]
    print(json.dumps(probe(frozen.load(args.config), sizes)))
    return 0


if __name__ == "__main__":
    sys.exit(exit_code(main))
