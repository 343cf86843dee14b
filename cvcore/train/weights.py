"""A model's weights under their own names, as safetensors.

`save_pretrained` writes many models under the names of older releases and `from_pretrained` translates
them back. HF Trainer resumes with a lax `load_state_dict` that does not, and silently keeps
random values for every renamed weight: the reason why its resumed losses differ
(docs/decisions/0010-exact-resume.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import safetensors.torch
import torch
from torch import nn
from transformers import TrainingArguments
from transformers.integrations.deepspeed import (
    set_hf_deepspeed_config,
    unset_hf_deepspeed_config,
)


@contextmanager
def whole(args: TrainingArguments) -> Iterator[None]:
    """Let `from_pretrained` read whole weights meanwhile, also where ZeRO-3 will split them.

    HF would split them while it reads, and then finds no weight of the shape that the checkpoint has.
    """
    unset_hf_deepspeed_config()
    yield
    settings = getattr(args, "hf_deepspeed_config", None)  # there only with DeepSpeed
    if settings is not None:
        set_hf_deepspeed_config(settings)


def named(model: nn.Module) -> dict[str, torch.Tensor]:
    """Return parameters and saved buffers by name; a tensor with two names has its first one."""
    seen: set[int] = set()
    out: dict[str, torch.Tensor] = {}
    for name, value in model.state_dict(keep_vars=True).items():
        if id(value) not in seen:
            seen.add(id(value))
            out[name] = value.detach()
    return out


def write(values: dict[str, torch.Tensor], path: Path) -> None:
    """Write tensors; they may lie on any device."""
    safetensors.torch.save_file(
        {name: value.detach().cpu().contiguous() for name, value in values.items()}, path
    )


def read(path: Path) -> dict[str, torch.Tensor]:
    """Read tensors to the CPU."""
    return safetensors.torch.load_file(path)


@torch.no_grad()
def load_into(model: nn.Module, values: dict[str, torch.Tensor]) -> None:
    """Copy values into a model in place; every name must be there and have its shape.

    Raises:
        KeyError: a weight of the model is missing.
        RuntimeError: a weight has another shape.
    """
    own = named(model)
    missing = sorted(set(own) - set(values))
    if missing:
        raise KeyError(f"{len(missing)} weights are missing, the first is {missing[0]}")
    for name, value in own.items():
        if value.shape != values[name].shape:
            raise RuntimeError(
                f"{name} has shape {list(values[name].shape)}, expected {list(value.shape)}"
            )
        value.copy_(values[name])
