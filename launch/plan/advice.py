"""Which ZeRO stage and batch to take on a machine, and why: the least effort that fits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from launch.plan.hardware import GIB, GPUS, Node
from launch.plan.memory import STRATEGIES, Memory, estimate
from launch.plan.probe import Probe

USABLE = 0.95
"""Share of a device's memory that a plan fills."""


@dataclass(frozen=True)
class Request:
    """What a training asks of a machine.

    Attributes:
        batch_size: images per device and forward pass.
        accumulation: batches per optimizer step.
        precision: auto, fp32, bf16 or fp16.
        has_average: whether there is a moving average of weights.
    """

    batch_size: int
    accumulation: int
    precision: str
    has_average: bool = False


@dataclass(frozen=True)
class Choice:
    """What fits.

    Attributes:
        strategy: option of the group `deepspeed`.
        batch_size: per device; its product with `accumulation` is what was asked.
        accumulation: batches per optimizer step.
        precision: the number format on this GPU.
        memory: of one device.
        largest_batch: that would fit with this strategy.
        reason: one sentence.
    """

    strategy: str
    batch_size: int
    accumulation: int
    precision: str
    memory: Memory
    largest_batch: int
    reason: str


def precision_on(node: Node, asked: str) -> str:
    """Return what `trainer.precision` means on a machine: auto is bf16 where the GPU has it."""
    if asked != "auto":
        return asked
    return "bf16" if GPUS[node.gpu].has_bf16 else "fp32"


def choose(probe: Probe, request: Request, node: Node, num_nodes: int = 1) -> Choice | None:
    """Return the first of these that fits, None if none does.

    The batch as asked, first without DeepSpeed, then by ZeRO stage 1, 2, 3; then, stage by stage
    again, a smaller batch with as much more accumulation; last, states in CPU memory.
    """
    precision = precision_on(node, request.precision)
    if precision not in GPUS[node.gpu].tflops:
        return None
    num_devices = node.num_gpus * num_nodes
    limit = int(GPUS[node.gpu].memory_gib * GIB * USABLE)

    def memory(strategy: str, batch_size: int) -> Memory:
        return estimate(
            probe,
            strategy,
            num_devices=num_devices,
            batch_size=batch_size,
            precision=precision,
            has_average=request.has_average,
        )

    tried: list[tuple[str, int, Memory]] = []
    for strategy, batch_size in _candidates(request, num_devices):
        needed = memory(strategy, batch_size)
        if needed.total <= limit:
            return Choice(
                strategy=strategy,
                batch_size=batch_size,
                accumulation=request.accumulation * (request.batch_size // batch_size),
                precision=precision,
                memory=needed,
                largest_batch=_largest(needed, memory(strategy, batch_size + 1), limit, batch_size),
                reason=_reason(request, strategy, batch_size, needed, tried, node, num_devices),
            )
        tried.append((strategy, batch_size, needed))
    return None


def _candidates(request: Request, num_devices: int) -> Iterator[tuple[str, int]]:
    """Yield (strategy, batch) from least to most effort; ZeRO splits nothing on one device."""
    strategies = [s for s in STRATEGIES if s != "zero3_offload" and (s == "off" or num_devices > 1)]
    if request.has_average:
        strategies = [
            s for s in strategies if s != "zero3"
        ]  # which has no whole weights to average
    sizes = [n for n in range(request.batch_size, 0, -1) if request.batch_size % n == 0]
    yield from ((strategy, size) for size in sizes for strategy in strategies)
    if not request.has_average:
        yield from (("zero3_offload", size) for size in sizes)


def _largest(needed: Memory, one_more: Memory, limit: int, batch_size: int) -> int:
    per_image = one_more.total - needed.total
    return batch_size + ((limit - needed.total) // per_image if per_image > 0 else 0)


def _reason(
    request: Request,
    strategy: str,
    batch_size: int,
    needed: Memory,
    tried: list[tuple[str, int, Memory]],
    node: Node,
    num_devices: int,
) -> str:
    room = f"the {GPUS[node.gpu].memory_gib:.1f} GiB of the {node.gpu}"
    takes = f"{needed.total / GIB:.1f} GiB"
    if not tried:
        return f"everything fits without DeepSpeed: {takes} of {room}"
    first = tried[0][2].total / GIB
    what = {
        "off": "without DeepSpeed",
        "zero1": f"with the optimizer's states split over {num_devices} GPUs",
        "zero2": f"with gradients and optimizer's states split over {num_devices} GPUs",
        "zero3": f"with weights, gradients and optimizer's states split over {num_devices} GPUs",
        "zero3_offload": "with weights and optimizer's states in CPU memory, which is slow",
    }[strategy]
    smaller = ""
    if batch_size != request.batch_size:
        smaller = (
            f", batches of {batch_size} instead of {request.batch_size} (accumulated to the same)"
        )
    return f"as asked it takes {first:.1f} GiB, more than {room} hold; {takes} {what}{smaller}"
