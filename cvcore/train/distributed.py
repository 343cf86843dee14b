"""The processes of one training: which one am I, and how do all come to the same decision."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from accelerate import PartialState
from accelerate.utils import DistributedType


def rank() -> int:
    """Return this process's number; 0 when it is alone."""
    return int(os.environ.get("RANK", "0"))


def world_size() -> int:
    """Return the number of processes."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def free_port() -> int:
    """Return a TCP port of this machine that nobody listens on."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def gather_objects(value: Any) -> list[Any]:
    """Return every process's picklable value, in rank order, on every process."""
    if not _many():
        return [value]
    values: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(values, value, group=_cpu_group())
    return values


def from_first(value: Any) -> Any:
    """Return the first process's picklable value on every process."""
    if not _many():
        return value
    values = [value]
    dist.broadcast_object_list(values, src=0, group=_cpu_group())
    return values[0]


def any_of(*flags: bool) -> list[bool]:
    """Return for each flag whether it is set on any process; the same answer everywhere."""
    if not _many():
        return list(flags)
    tensor = torch.tensor(flags, dtype=torch.int32)
    dist.all_reduce(tensor, dist.ReduceOp.MAX, group=_cpu_group())
    return [bool(x) for x in tensor]


def total(*values: float) -> list[float]:
    """Return the sum of each value over all processes."""
    if not _many():
        return list(values)
    tensor = torch.tensor(values, dtype=torch.float64)
    dist.all_reduce(tensor, group=_cpu_group())
    return [float(x) for x in tensor]


def wait_for_all() -> None:
    """Return when every process has come here."""
    if _many():
        dist.barrier(group=_cpu_group())


def same_buffers(model: torch.nn.Module) -> None:
    """Give every process the first one's buffers (running statistics differ between them)."""
    if not _many():
        return
    for buffer in model.buffers():
        on_cpu = buffer.detach().cpu()
        dist.broadcast(on_cpu, src=0, group=_cpu_group())
        buffer.copy_(on_cpu)


def _many() -> bool:
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


_groups: dict[str, Any] = {}


def _cpu_group() -> Any:
    """Return a gloo group: decisions are made on the CPU and never wait for the device."""
    if dist.get_backend() == "gloo":
        return None
    if "cpu" not in _groups:
        _groups["cpu"] = dist.new_group(backend="gloo")
    return _groups["cpu"]


@contextmanager
def alone() -> Iterator[None]:
    """Let this process run a model's loss without the others.

    HF's losses average the number of boxes over all processes, some through accelerate, some through
    torch.distributed. That hangs when a process does not take part, e.g. because it ran out of memory
    while the batch size is tried.
    """
    state = PartialState._shared_state
    kept = {key: state[key] for key in ("distributed_type", "num_processes") if key in state}
    if kept:
        state.update(distributed_type=DistributedType.NO, num_processes=1)
    initialised = dist.is_initialized
    dist.is_initialized = lambda: False
    try:
        yield
    finally:
        dist.is_initialized = initialised
        state.update(kept)
