"""How many worker processes a machine takes, and with how many threads each. Torch-free."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass

from cvcore.batch.job import BatchJob, saved_model

_LIBRARIES_BYTES = 700 * 2**20
"""What torch, transformers and a batch take beside the weights, measured with micro models."""
_COPIES = 3  # of the weights: read, loaded, and what a forward pass needs beside them


@dataclass(frozen=True)
class Spread:
    """Workers of a batch.

    Attributes:
        workers: processes.
        threads: of the processor, for each.
        gpus: names for CUDA_VISIBLE_DEVICES; () on a machine without.
    """

    workers: int
    threads: int
    gpus: tuple[str, ...] = ()

    def environment(self, number: int) -> dict[str, str]:
        """Return the variables that keep a worker within its share."""
        values = {"OMP_NUM_THREADS": str(self.threads), "MKL_NUM_THREADS": str(self.threads)}
        if self.gpus:
            values["CUDA_VISIBLE_DEVICES"] = self.gpus[number % len(self.gpus)]
        return values


def spread(job: BatchJob, num_shards: int) -> Spread:
    """Return how a batch is spread over this machine.

    On a processor one thread per worker: images do not wait for each other, a model's threads do.
    """
    cores = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    found = gpus()
    if job.workers:
        workers = min(job.workers, num_shards)
    elif found:
        workers = min(len(found), num_shards)
    else:
        weights = sum(p.stat().st_size for p in saved_model(job.model).glob("*.safetensors"))
        import psutil

        available = psutil.virtual_memory().available
        fit = int(available * 0.8 // (_LIBRARIES_BYTES + _COPIES * weights))
        workers = max(min(cores, fit, num_shards), 1)
    return Spread(workers, max(cores // workers, 1), found)


def gpus() -> tuple[str, ...]:
    """Return the GPUs that processes may use here."""
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
