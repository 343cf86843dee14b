"""The probe: one process that builds the real model, puts two real images through it, and counts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cvcore.config.schema import Config
from cvcore.errors import LakesightError
from cvcore.train import frozen

TIMEOUT_S = 900.0
_USER_FAULT = 2


class ProbeError(LakesightError):
    """The model or the data could not be tried."""


@dataclass(frozen=True)
class Activations:
    """Bytes kept for the backward: `fixed_bytes` plus `bytes_per_image` times the batch."""

    fixed_bytes: int
    bytes_per_image: int


@dataclass(frozen=True)
class Probe:
    """What was counted and timed; see `cvcore.train.probe.probe`.

    Attributes:
        parameters: of the model.
        trainable: of them, those that are trained.
        largest_layer: parameters of the largest layer.
        buffer_bytes: of running statistics and the like.
        optimizer_bytes: of the optimizer's states for the trained parameters, in float32.
        activations: by number format.
        deepspeed: number of devices -> stage -> DeepSpeed's own estimate, bytes.
        flops_per_image: forward and backward.
        train_s: seconds per image of a training step, on this machine.
        eval_s: seconds per image of a forward pass, on this machine.
        load_s: seconds to read and change an image, on one core of this machine.
        num_images: per split.
        num_classes: in the label space.
        machine: device, gpus, cpu_cores, memory_gib.
    """

    parameters: int
    trainable: int
    largest_layer: int
    buffer_bytes: int
    optimizer_bytes: int
    activations: Mapping[str, Activations]
    deepspeed: Mapping[str, Mapping[str, int]]
    flops_per_image: int
    train_s: float
    eval_s: float
    load_s: float
    num_images: Mapping[str, int]
    num_classes: int
    machine: Mapping[str, Any]

    def activations_of(self, precision: str) -> Activations:
        """Return the activations in a format; 16-bit formats are the same, fp32 if not measured."""
        key = "fp32" if precision == "fp32" else "bf16"
        return self.activations.get(key) or self.activations["fp32"]

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> Probe:
        """Return the probe of the process's JSON."""
        model, time = found["model"], found["time"]
        return cls(
            **model,
            optimizer_bytes=found["states"]["optimizer"],
            activations={k: Activations(**v) for k, v in found["activations"].items()},
            deepspeed=found["deepspeed"],
            flops_per_image=found["flops_per_image"],
            **time,
            **found["data"],
            machine=found["machine"],
        )


def run(config: Config, world_sizes: Sequence[int], timeout_s: float = TIMEOUT_S) -> Probe:
    """Return the probe of a configuration, made in a process of its own.

    Args:
        config: the run's.
        world_sizes: numbers of devices for DeepSpeed's estimators.
        timeout_s: how long it may take, seconds.

    Raises:
        ProbeError: the data or the model can't be used; says what the process said.
    """
    with tempfile.TemporaryDirectory(prefix="lakesight-plan-") as folder:
        file = Path(folder) / "config.yaml"
        frozen.save(config, file)
        sizes = ",".join(map(str, sorted(set(world_sizes))))
        command = [sys.executable, "-m", "cvcore.train.probe", str(file), "--world-sizes", sizes]
        try:
            done = subprocess.run(  # noqa: S603 (our own module)
                command,
                capture_output=True,
                text=True,
                timeout=timeout_s,
                check=False,
                env={**os.environ, "TOKENIZERS_PARALLELISM": "false"},
            )
        except subprocess.TimeoutExpired as error:
            raise ProbeError(
                f"the model could not be tried within {timeout_s:.0f} s on this machine. Plan where "
                "there is more of it, or with a smaller model.image_size."
            ) from error
    if done.returncode == 0:
        return Probe.of(json.loads(done.stdout.strip().splitlines()[-1]))
    said = done.stderr.strip().splitlines()
    if done.returncode == _USER_FAULT:
        start = next((i for i, line in enumerate(said) if line.startswith("error: ")), 0)
        raise ProbeError("\n".join(said[start:]).removeprefix("error: "))
    killed = " (often: out of memory)" if done.returncode == -9 else ""
    raise ProbeError(
        f"the model could not be tried: its process ended with {done.returncode}{killed}: "
        f"{said[-1] if said else 'it said nothing'}"
    )
