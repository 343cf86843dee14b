"""The one evaluation loop: batches through the model into a metric, on one process or many."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol, TypeVar

import torch
import torch.distributed as dist

from cvcore.data.samples import Prediction, Truth
from cvcore.metrics.streaming import StreamingMetric
from cvcore.tasks.base import Task

M = TypeVar("M", bound=StreamingMetric)

Prepare = Callable[[dict[str, Any]], dict[str, Any]]
"""Moves a batch (without `truths`) to the device and normalises its pixels."""


class Observer(Protocol):
    """Sees each batch after the metric has taken it: a progress bar, a file of predictions ..."""

    def __call__(
        self, outputs: Any, predictions: Sequence[Prediction], truths: Sequence[Truth]
    ) -> None:
        """Take one batch; `outputs` are the model's (they hold `loss` if labels were given)."""
        ...


def evaluate_batches(
    model: torch.nn.Module,
    batches: Iterable[dict[str, Any]],
    task: Task,
    metric: M,
    prepare: Prepare,
    *,
    autocast: torch.dtype | None = None,
    observers: Sequence[Observer] = (),
) -> M:
    """Return the metric after all batches; nothing of a batch is kept.

    The model is in evaluation mode meanwhile, and in its former mode afterwards.

    Args:
        model: takes `prepare`'s result as keyword arguments.
        batches: of `task.collate`, with `truths`.
        task: turns outputs into predictions, in full precision.
        metric: is updated in place.
        prepare: moves and normalises.
        autocast: number format of the model's forward pass; None: as the model is.
        observers: called after each batch.
    """
    was_training = model.training
    model.eval()
    try:
        for batch in batches:
            truths: list[Truth] = batch.pop("truths")
            outputs, predictions = predict_batch(model, batch, truths, task, prepare, autocast)
            metric.update(predictions, truths)
            for observer in observers:
                observer(outputs, predictions, truths)
    finally:
        model.train(was_training)
    return metric


@torch.no_grad()
def predict_batch(
    model: torch.nn.Module,
    batch: dict[str, Any],
    truths: Sequence[Truth],
    task: Task,
    prepare: Prepare,
    autocast: torch.dtype | None = None,
) -> tuple[Any, list[Prediction]]:
    """Return the outputs of a model in evaluation mode, and predictions at the images' own sizes.

    Arguments are those of `evaluate_batches`.
    """
    inputs = prepare(batch)
    device_type = inputs["pixel_values"].device.type
    with torch.autocast(device_type, autocast, enabled=autocast is not None):
        outputs = model(**inputs)
    return outputs, task.predict(outputs, truths)


def merge_ranks(metric: M, fresh: Callable[[], M]) -> M:
    """Return the metric over all processes' images, the same on each process.

    Args:
        metric: this process's.
        fresh: makes an empty one; states are merged into it in the order of ranks, so that of an
            image that two ranks have seen every rank keeps the same one.
    """
    if not (dist.is_available() and dist.is_initialized()) or dist.get_world_size() == 1:
        return metric
    states: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(states, metric.state())
    merged = fresh()
    for state in states:
        merged.merge(state)
    return merged
