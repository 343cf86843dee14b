"""How long an image takes: loading it, a training step, a forward pass; and its operations."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from cvcore.train.batches import ImageDataset
from cvcore.train.probe_step import ProbeStep

_IMAGES = 2
_LOADED = 16
_REPEATS = 2


def step_seconds(step: ProbeStep, optimizer: torch.optim.Optimizer) -> dict[str, float]:
    """Return seconds per image of a whole optimizer step (`train_s`) and of a forward (`eval_s`).

    The first pass warms up and is not counted. Gradients and optimizer states are left behind.
    """
    step.step(_IMAGES, optimizer)
    train_s = min(_timed(lambda: step.step(_IMAGES, optimizer)) for _ in range(_REPEATS))
    step.model.eval()
    with torch.no_grad():
        eval_s = _timed(lambda: _forward(step))
    step.model.train()
    return {"train_s": train_s / _IMAGES, "eval_s": eval_s / _IMAGES}


def flops_per_image(step: ProbeStep) -> int:
    """Return floating-point operations of forward and backward for one image.

    Counted on matrix products, convolutions and attention; the rest is small.
    """
    # The counter does not know every fused attention; the plain one is matrix products.
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        step.step(_IMAGES)
    return int(counter.get_total_flops() / _IMAGES)


def load_seconds(*datasets: ImageDataset) -> float:
    """Return seconds to read, change and encode one image on one core, over several images."""
    images = [(dataset, i) for dataset in datasets for i in range(min(len(dataset), _LOADED))]
    dataset, _ = images[0]
    dataset[0]  # warms up
    start = time.perf_counter()
    for each, i in images:
        each[i]
    return (time.perf_counter() - start) / len(images)


def _forward(step: ProbeStep) -> None:
    step.model(pixel_values=step.batch(_IMAGES)["pixel_values"])
    step.wait()


def _timed(work: Callable[[], None]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
