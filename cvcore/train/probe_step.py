"""One forward pass, or a whole optimizer step, of a probe: the real model on real images."""

from __future__ import annotations

from typing import Any

import torch

from cvcore.config.schema import Config
from cvcore.data.normalise import normalise
from cvcore.tasks.base import Task
from cvcore.train import distributed
from cvcore.train.batches import ImageDataset


class ProbeStep:
    """Puts batches of a run's images through its model.

    Attributes:
        model: the HF model, in training mode, on `device`.
        device: the GPU where there is one.
    """

    def __init__(self, model: Any, task: Task, images: ImageDataset, config: Config) -> None:
        """Take the model to its device."""
        use_gpu = torch.cuda.is_available() and not config.trainer.use_cpu
        self.device = torch.device("cuda" if use_gpu else "cpu")
        self.model = model.to(self.device).train()
        self._task = task
        self._images = images
        self._conf = config.model
        self._batches: dict[int, dict[str, Any]] = {}

    def batch(self, num_images: int) -> dict[str, Any]:
        """Return the model's arguments for the first images, on the device; made once."""
        if num_images not in self._batches:
            items = [self._images[i % len(self._images)] for i in range(num_images)]
            batch = _to(self._task.collate(items), self.device)
            pixels = batch["pixel_values"]
            batch["pixel_values"] = normalise(pixels, self._conf.image_mean, self._conf.image_std)
            self._batches[num_images] = batch
        return self._batches[num_images]

    def loss(self, num_images: int, dtype: torch.dtype | None = None) -> torch.Tensor:
        """Return the loss of a batch, computed in a number format; None: float32."""
        batch = self.batch(num_images)
        with (
            distributed.alone(),
            torch.autocast(self.device.type, dtype, enabled=dtype is not None),
        ):
            loss: torch.Tensor = self.model(**batch)["loss"]
        return loss

    def step(self, num_images: int, optimizer: torch.optim.Optimizer | None = None) -> None:
        """Run forward and backward, and the optimizer if one is given; gradients stay."""
        self.model.zero_grad(set_to_none=True)
        self.loss(num_images).backward()
        if optimizer is not None:
            optimizer.step()
        self.wait()

    def wait(self) -> None:
        """Return when the device has done its work."""
        if self.device.type == "cuda":
            torch.cuda.synchronize()


def _to(value: Any, device: torch.device) -> Any:
    if isinstance(value, torch.Tensor):
        return value.to(device)
    if isinstance(value, dict):
        return {key: _to(item, device) for key, item in value.items()}
    return [_to(item, device) for item in value] if isinstance(value, list) else value
