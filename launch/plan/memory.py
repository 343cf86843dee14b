"""How much of a device's memory a training takes, from what the probe counted.

Bytes per parameter follow from who keeps what. Without DeepSpeed: weights, gradients and Adam's two
moments in float32 (4 + 4 + 8), autocast on top. With DeepSpeed the same weights (4) and gradients (4)
and, in the optimizer, master weights, their gradients and two moments in float32 (4 + 4 + 8); each
ZeRO stage splits one more of the three over the devices. For AdamW this is what DeepSpeed's own
estimators say, which count with 16-bit weights and gradients, and 2 bytes more for each; a test holds
it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from launch.plan.probe import Probe

STRATEGIES = ("off", "zero1", "zero2", "zero3", "zero3_offload")
"""Options of the group `deepspeed`, from least to most effort."""

CONTEXT_BYTES = int(0.8 * (1 << 30))
"""CUDA context, cuDNN and cuBLAS workspaces: assumed."""
FRAGMENTATION = 0.10
"""Share of the activations that is lost between blocks or used for a moment: assumed."""
_BUCKET_ELEMENTS = 50_000_000
"""`reduce_bucket_size` of conf/deepspeed; it is allocated whole, however small the model, for each
number format that gradients are sent in."""


@dataclass(frozen=True)
class Memory:
    """Bytes on one device at the fullest moment of a step.

    Attributes:
        parameters: weights and buffers.
        gradients: of the trained weights.
        optimizer: moments, and DeepSpeed's master weights with their gradients.
        average: the moving average of weights.
        activations: what the forward pass keeps for the backward, with fragmentation.
        communication: gradient buckets, gathered layers.
        context: the CUDA context.
    """

    parameters: int
    gradients: int
    optimizer: int
    average: int
    activations: int
    communication: int
    context: int

    @property
    def total(self) -> int:
        """All of it, bytes."""
        return sum(getattr(self, item.name) for item in fields(self))


def estimate(
    probe: Probe,
    strategy: str,
    *,
    num_devices: int,
    batch_size: int,
    precision: str,
    has_average: bool = False,
    context_bytes: int = CONTEXT_BYTES,
) -> Memory:
    """Return what one device holds.

    Args:
        probe: of the run.
        strategy: one of `STRATEGIES`.
        num_devices: that share the states.
        batch_size: images per device and forward pass.
        precision: fp32, bf16 or fp16.
        has_average: whether `trainer.ema_decay` is set.
        context_bytes: 0 on a CPU.
    """
    total, trained, n = probe.parameters, probe.trainable, num_devices
    moments = probe.optimizer_bytes
    if strategy == "off":
        parameters, gradients, optimizer = 4 * total, 4 * trained, moments
        # DistributedDataParallel copies the gradients into buckets.
        communication = 4 * trained if n > 1 else 0
    else:
        parameters, gradients = 4 * total, 4 * trained
        # Master weights and their gradients: copies, though the weights are float32 too.
        optimizer = (8 * trained + moments) // n
        communication = (4 if precision == "fp32" else 4 + 2) * _BUCKET_ELEMENTS
        if strategy != "zero1":
            gradients //= n
        if strategy.startswith("zero3"):
            parameters //= n
            communication += 4 * probe.largest_layer
        if strategy == "zero3_offload":
            parameters = optimizer = 0
            gradients = 4 * probe.largest_layer
    kept = probe.activations_of(precision)
    activations = kept.fixed_bytes + batch_size * kept.bytes_per_image
    return Memory(
        parameters=parameters + probe.buffer_bytes,
        gradients=gradients,
        optimizer=optimizer,
        average=4 * total if has_average else 0,
        activations=int(activations * (1 + FRAGMENTATION)),
        communication=communication,
        context=context_bytes,
    )
