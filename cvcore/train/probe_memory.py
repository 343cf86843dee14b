"""What a training keeps in a device's memory: model states, and activations until the backward."""

from __future__ import annotations

import contextlib

import torch
from torch import nn

from cvcore.train.probe_step import ProbeStep

_BATCHES = (1, 2)
_LARGER = (2, 3)
"""When a batch norm refuses a single value per channel."""


def size(model: nn.Module) -> dict[str, int]:
    """Return the number of parameters, those trained, those of the largest layer; buffer bytes."""
    parameters = list(model.parameters())
    layers = (sum(p.numel() for p in m.parameters(recurse=False)) for m in model.modules())
    return {
        "parameters": sum(p.numel() for p in parameters),
        "trainable": sum(p.numel() for p in parameters if p.requires_grad),
        "largest_layer": max(layers),
        "buffer_bytes": sum(b.numel() * b.element_size() for b in model.buffers()),
    }


def states(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, int]:
    """Return the bytes of parameters, gradients and optimizer states, after a step with gradients."""
    kept = [value for state in optimizer.state.values() for value in state.values()]
    return {
        "parameters": sum(_bytes(p) for p in model.parameters()),
        "gradients": sum(_bytes(p.grad) for p in model.parameters() if p.grad is not None),
        "optimizer": sum(_bytes(value) for value in kept if isinstance(value, torch.Tensor)),
    }


def activations(step: ProbeStep) -> dict[str, dict[str, int]]:
    """Return by number format what is saved for the backward: fixed bytes, and bytes per image.

    Measured on two batches; the line through them is the estimate. Under bf16 the fixed part holds
    autocast's copies of the weights. A format the model can't be run in here is left out.
    """
    found = {"fp32": _line(step, None)}
    with contextlib.suppress(RuntimeError):
        found["bf16"] = _line(step, torch.bfloat16)
    return found


def _line(step: ProbeStep, dtype: torch.dtype | None) -> dict[str, int]:
    try:
        counts, saved = _BATCHES, [saved_bytes(step, n, dtype) for n in _BATCHES]
    except ValueError:
        counts, saved = _LARGER, [saved_bytes(step, n, dtype) for n in _LARGER]
    slope = max(saved[1] - saved[0], 0)
    return {"fixed_bytes": max(saved[0] - counts[0] * slope, 0), "bytes_per_image": slope}


def saved_bytes(step: ProbeStep, num_images: int, dtype: torch.dtype | None = None) -> int:
    """Return the bytes that one forward pass keeps for its backward, the model's own left out."""
    own = {
        tensor.untyped_storage().data_ptr()
        for tensor in (*step.model.parameters(), *step.model.buffers())
    }
    storages: dict[int, torch.UntypedStorage] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        with contextlib.suppress(NotImplementedError):  # a sparse tensor has no storage
            storage = tensor.untyped_storage()
            if storage.data_ptr() not in own:
                # Kept alive until the end, so that no address is used twice.
                storages[storage.data_ptr()] = storage
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        loss = step.loss(num_images, dtype)
    total = sum(storage.nbytes() for storage in storages.values())
    del loss
    return total


def deepspeed_estimates(model: nn.Module, num_devices: int) -> dict[str, int]:
    """Return DeepSpeed's own estimates of model states in 16 bit, bytes per device, by stage.

    Source: `estimate_zero2_model_states_mem_needs` and `estimate_zero3_model_states_mem_needs`.
    DeepSpeed has none for stage 1.
    """
    from deepspeed.runtime.zero.stage3 import estimate_zero3_model_states_mem_needs as zero3
    from deepspeed.runtime.zero.stage_1_and_2 import estimate_zero2_model_states_mem_needs as zero2

    counted = size(model)
    total, largest = counted["parameters"], counted["largest_layer"]
    return {
        "zero2": int(zero2(total, num_devices, cpu_offload=False)[1]),
        "zero3": int(zero3(total, largest, num_devices, cpu_offload=False)[1]),
        "zero3_offload": int(zero3(total, largest, num_devices)[1]),
    }


def _bytes(tensor: torch.Tensor) -> int:
    return tensor.numel() * tensor.element_size()
