"""How many steps a training has, how long they take on a machine, and what they cost."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from cvcore.config.schema import Config
from launch.plan.hardware import GPUS, Node
from launch.plan.probe import Probe

UTILISATION = 0.25
"""Share of a GPU's dense peak that vision models reach in training: assumed."""
COMMUNICATION = {"off": 1.05, "zero1": 1.1, "zero2": 1.1, "zero3": 1.4, "zero3_offload": 2.5}
"""Factor on a step's time on several devices, by strategy: assumed. Offload also on one device."""
START_S = 480.0
"""From submitting to the first step: cluster start, libraries, staging. Assumed."""
BATCH_FLOOR_S = 0.05
"""Least time of one batch on a GPU, however small the model: starting its kernels. Assumed."""
_CORES_PER_DECODER = 0.9
_CHECKPOINT_S = 20.0


@dataclass(frozen=True)
class Duration:
    """How long a training takes.

    Attributes:
        num_steps: optimizer steps.
        num_evaluations: during and after training.
        images_per_s: of all devices together, in training.
        limited_by: "device" or "input".
        train_s: of the steps.
        evaluate_s: of the evaluations.
        start_s: before the first step.
    """

    num_steps: int
    num_evaluations: int
    images_per_s: float
    limited_by: str
    train_s: float
    evaluate_s: float
    start_s: float

    @property
    def total_s(self) -> float:
        """From submitting to the end, seconds."""
        return self.train_s + self.evaluate_s + self.start_s


def steps(config: Config, num_train: int, num_devices: int) -> tuple[int, int, int]:
    """Return (optimizer steps, images per step, evaluations), as the training counts them."""
    conf = config.trainer
    effective = conf.per_device_train_batch_size * conf.gradient_accumulation_steps * num_devices
    per_epoch = max(num_train // effective, 1)
    total = conf.max_steps if conf.max_steps > 0 else ceil(conf.num_train_epochs * per_epoch)
    every = conf.eval_steps or per_epoch
    return total, effective, total // every + 1


def on_node(
    config: Config,
    probe: Probe,
    node: Node,
    *,
    num_nodes: int,
    strategy: str,
    precision: str,
    utilisation: float = UTILISATION,
    start_s: float = START_S,
) -> Duration:
    """Return how long a training takes on a kind of machine: operations over assumed speed."""
    speed = GPUS[node.gpu].tflops[precision] * 1e12 * utilisation
    num_devices = node.num_gpus * num_nodes
    factor = COMMUNICATION[strategy] if num_devices > 1 or "offload" in strategy else 1.0
    batch_size = config.trainer.per_device_train_batch_size
    floor_s = BATCH_FLOOR_S / batch_size
    workers = min(config.trainer.dataloader_num_workers, max(node.num_cores // node.num_gpus, 1))
    return _duration(
        config,
        probe,
        num_devices=num_devices,
        image_s=max(probe.flops_per_image / speed, floor_s) * factor,
        forward_s=max(probe.flops_per_image / 3 / speed, floor_s / 3),
        workers=workers,
        start_s=start_s,
    )


def here(config: Config, probe: Probe) -> Duration:
    """Return how long a training takes on this machine: what the probe measured."""
    return _duration(
        config,
        probe,
        num_devices=max(config.compute.num_devices, 1),
        image_s=probe.train_s,
        forward_s=probe.eval_s,
        workers=config.trainer.dataloader_num_workers,
        start_s=0.0,
        has_own_cores=probe.machine["device"] != "cpu",
    )


def _duration(
    config: Config,
    probe: Probe,
    *,
    num_devices: int,
    image_s: float,
    forward_s: float,
    workers: int,
    start_s: float,
    has_own_cores: bool = True,
) -> Duration:
    num_steps, effective, evaluations = steps(config, probe.num_images["train"], num_devices)
    load_s = probe.load_s / max(workers, 1) / _CORES_PER_DECODER
    if has_own_cores and workers:
        step_s = max(image_s, load_s)
    else:
        # Loading and training take turns on the same cores.
        step_s, forward_s = image_s + probe.load_s, forward_s + probe.load_s
    train_s = num_steps * effective / num_devices * step_s
    if config.trainer.time_budget_s is not None:
        train_s = min(train_s, config.trainer.time_budget_s)
    held_out = probe.num_images.get("val", 0) + probe.num_images.get("test", 0)
    one_s = probe.num_images.get("val", 0) / num_devices * max(forward_s, load_s) + _CHECKPOINT_S
    last_s = held_out / num_devices * max(forward_s, load_s)
    return Duration(
        num_steps=num_steps,
        num_evaluations=evaluations,
        images_per_s=num_devices / step_s,
        limited_by="input" if has_own_cores and load_s > image_s else "device",
        train_s=train_s,
        evaluate_s=(evaluations - 1) * one_s + last_s,
        start_s=start_s,
    )
