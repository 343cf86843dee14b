"""Finds a batch that fits the device's memory and keeps the effective batch."""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable
from typing import Any

import torch
from accelerate.utils.memory import should_reduce_batch_size

from cvcore.config.schema import Config
from cvcore.data.normalise import normalise
from cvcore.errors import TrainingError
from cvcore.tasks.base import Task
from cvcore.train import distributed, weights
from cvcore.train.arguments import AUTOCAST, precision
from cvcore.train.batches import ImageDataset

log = logging.getLogger(__name__)


def fit(batch_size: int, accumulation: int, fits: Callable[[int], bool]) -> tuple[int, int]:
    """Return (batch per device, accumulation) that fit on every process; their product stays.

    Args:
        batch_size: the first to try, per device.
        accumulation: batches per optimizer step.
        fits: tries a batch on this process.

    Raises:
        TrainingError: not even one image fits.
    """
    while distributed.any_of(not fits(batch_size))[0]:
        if batch_size == 1:
            raise TrainingError(
                "a single image does not fit into the device's memory. Choose a smaller "
                "model.image_size or model, or trainer.gradient_checkpointing=true."
            )
        smaller = max(n for n in range(1, batch_size) if batch_size % n == 0)
        accumulation *= batch_size // smaller
        batch_size = smaller
        log.info(
            "out of memory: trying batches of %d per device, %d per step (the effective batch stays)",
            batch_size,
            accumulation,
        )
    return batch_size, accumulation


def is_out_of_memory(error: Exception) -> bool:
    """Tell running out of memory from other faults."""
    return isinstance(error, torch.OutOfMemoryError) or should_reduce_batch_size(error)


class Trial:
    """One forward and backward pass with real images, without the other processes."""

    def __init__(
        self, model: Any, task: Task, dataset: ImageDataset, config: Config, device: torch.device
    ) -> None:
        """Take what a step needs; the model is moved to the device by the first trial."""
        self.model = model
        self.task = task
        self.dataset = dataset
        self.config = config
        self.device = device

    def __call__(self, batch_size: int) -> bool:
        """Return whether a step with a batch fits; the model is as before."""
        buffers = {name: value.clone() for name, value in self.model.named_buffers()}
        try:
            self._step(batch_size)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            return False
        finally:
            self.model.zero_grad(set_to_none=True)
            for name, value in self.model.named_buffers():
                value.copy_(buffers[name].to(value.device))
            gc.collect()
            if self.device.type == "cuda":
                torch.cuda.empty_cache()
        return True

    def _step(self, batch_size: int) -> None:
        items = [self.dataset[i % len(self.dataset)] for i in range(batch_size)]
        batch = _to(self.task.collate(items), self.device)
        conf = self.config.model
        batch["pixel_values"] = normalise(batch["pixel_values"], conf.image_mean, conf.image_std)
        dtype = AUTOCAST[precision(self.config)]
        self.model.to(self.device).train()
        with (
            distributed.alone(),
            torch.autocast(self.device.type, dtype, enabled=dtype is not None),
        ):
            loss = self.model(**batch)["loss"]
        # The optimizer's two moments will be there too.
        moments = [
            torch.empty_like(p, dtype=torch.float32)
            for p in weights.named(self.model).values()
            for _ in range(2)
            if self.device.type == "cuda"
        ]
        loss.backward()
        del moments


def _to(value: Any, device: torch.device) -> Any:
    if isinstance(value, torch.Tensor):
        return value.to(device)
    if isinstance(value, dict):
        return {k: _to(v, device) for k, v in value.items()}
    return [_to(v, device) for v in value] if isinstance(value, list) else value
