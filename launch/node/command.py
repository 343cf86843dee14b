"""How a run's processes are started on one machine."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from pathlib import Path

from launch.node.layout import NodeSpec
from launch.node.prepare import CONFIG, arguments, is_training

WORKER = "cvcore.train.worker"
SPARK = "cvcore.batch.spark"
"""A run that needs Spark's session, which only the node's own process has."""


def command(spec: NodeSpec, folder: Path, devices: int) -> list[str]:
    """Return the words of a run on this machine.

    A training on several devices is started by DeepSpeed's launcher, one process for each; on one
    device by itself; anything else as it is.
    """
    if not is_training(spec):
        return [sys.executable, "-u", "-m", spec.run.module, *arguments(spec, folder)]
    config = str(folder / CONFIG)
    if devices == 1:
        return [sys.executable, "-u", "-m", "launch.node.train", config]
    launcher = [sys.executable, "-u", "-m", "deepspeed.launcher.runner"]
    # Not `/job/hostfile`: on one machine there is none to be found by chance.
    where = ["--hostfile=", f"--num_gpus={devices}", f"--master_port={free_port()}"]
    return [*launcher, *where, "--no_local_rank", "--module", WORKER, config]


def num_devices(spec: NodeSpec) -> int:
    """Return how many processes a run has on this machine."""
    asked = spec.gpus_per_node or spec.run.num_devices
    return asked or (1 if spec.run.use_cpu else max(num_gpus(), 1))


def num_gpus() -> int:
    """Return how many GPUs this machine has, without starting CUDA here."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return 0
    try:
        listed = subprocess.run(  # noqa: S603 (fixed words)
            [tool, "-L"], capture_output=True, text=True, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return 0
    return sum(line.startswith("GPU ") for line in listed.stdout.splitlines())


def free_port() -> int:
    """Return a TCP port of this machine that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
