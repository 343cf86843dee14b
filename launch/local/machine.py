"""How many slots this machine has: one per GPU, and a few for runs on CPUs."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from launch.base import RunSpec
from launch.errors import SubmitError

FILE = "machine.json"
_CORES_PER_SLOT = 4


@dataclass(frozen=True)
class Machine:
    """Slots by kind.

    Attributes:
        gpus: the GPUs' names for CUDA_VISIBLE_DEVICES.
        cpu_slots: how many processes of runs without GPU train at once.
        cores: of the processor.
    """

    gpus: tuple[str, ...]
    cpu_slots: int
    cores: int

    def slots(self, kind: str) -> tuple[str, ...]:
        """Return the slots of a kind, gpu or cpu."""
        return self.gpus if kind == "gpu" else tuple(map(str, range(self.cpu_slots)))

    def needs(self, spec: RunSpec) -> tuple[str, int]:
        """Return the kind and number of slots of a run.

        Raises:
            SubmitError: it asks for more GPUs than there are.
        """
        if spec.use_cpu or not self.gpus:
            return "cpu", min(max(spec.num_devices, 1), self.cpu_slots)
        if spec.num_devices > len(self.gpus):
            raise SubmitError(
                f"compute.num_devices={spec.num_devices}, but this machine has {len(self.gpus)} "
                f"GPU{'s' if len(self.gpus) > 1 else ''} for runs. Allowed: 1 to {len(self.gpus)}, 0 "
                "for all; with trainer.use_cpu=true any number."
            )
        return "gpu", spec.num_devices or len(self.gpus)

    def environment(self, kind: str, claimed: tuple[str, ...]) -> dict[str, str]:
        """Return the variables that keep a run within its slots."""
        if kind == "gpu":
            return {"CUDA_VISIBLE_DEVICES": ",".join(claimed)}
        shares = {"CUDA_VISIBLE_DEVICES": ""} if self.gpus else {}
        if "OMP_NUM_THREADS" not in os.environ and self.cpu_slots > len(claimed):
            threads = max(self.cores * len(claimed) // self.cpu_slots, 1)
            shares["OMP_NUM_THREADS"] = str(threads)
        return shares


def machine(state_dir: Path) -> Machine:
    """Return this machine's slots: found out, or as `machine.json` in the state folder says.

    Raises:
        SubmitError: the file can't be read.
    """
    cores = os.cpu_count() or 1
    found: dict[str, Any] = {"gpus": list(_gpus()), "cpu_slots": max(cores // _CORES_PER_SLOT, 1)}
    path = state_dir / FILE
    try:
        found |= json.loads(path.read_text())
        return Machine(tuple(map(str, found["gpus"])), max(int(found["cpu_slots"]), 1), cores)
    except FileNotFoundError:
        return Machine(tuple(found["gpus"]), found["cpu_slots"], cores)
    except (OSError, ValueError, TypeError) as error:
        raise SubmitError(
            f'{path} can\'t be read ({error}). It looks like {{"gpus": [0, 1], "cpu_slots": 2}}; '
            "remove it to have the slots found out."
        ) from error


@functools.cache
def _gpus() -> tuple[str, ...]:
    """Return the GPUs that processes may use here, without importing torch."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    command = shutil.which("nvidia-smi")
    if command is None or visible == "":
        return ()
    words = [command, "--query-gpu=index", "--format=csv,noheader"]
    try:
        done = subprocess.run(  # noqa: S603 (fixed words)
            words, capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ()
    found = tuple(done.stdout.split()) if done.returncode == 0 else ()
    if visible is None:
        return found
    return tuple(part.strip() for part in visible.split(",")) if found else ()
