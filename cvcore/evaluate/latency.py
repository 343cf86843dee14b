"""How long a saved model takes for a batch, how much memory and disk it needs.

From decoded images to predictions at the images' own size: what an endpoint computes for a
request, without decoding and network.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from cvcore.serve.predictor import Predictor

MIB = 2**20
_WARM_UP = 5


@dataclass(frozen=True, slots=True)
class Latency:
    """Measured for one batch size.

    Attributes:
        batch_size: images predicted at once.
        p50_ms: median time of a batch, milliseconds.
        p95_ms: 95th percentile.
        p99_ms: 99th percentile.
        images_per_s: at the median.
        num_batches: that were timed.
    """

    batch_size: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    images_per_s: float
    num_batches: int


@dataclass(frozen=True, slots=True)
class Cost:
    """What a saved model costs on a device.

    Attributes:
        device: that computed, e.g. cpu or cuda:0.
        threads: of torch on the CPU.
        image_size_hw: of the images, pixels (the model's input size).
        latencies: one per batch size.
        peak_memory_mib: of the GPU by torch, else of this process with all its libraries.
        disk_mib: of the model's folder.
    """

    device: str
    threads: int
    image_size_hw: tuple[int, int]
    latencies: list[Latency]
    peak_memory_mib: float
    disk_mib: float


def measure(
    folder: Path,
    device: str | None = None,
    batch_sizes: Sequence[int] = (1, 8),
    num_batches: int = 50,
) -> Cost:
    """Time a saved model on random images of its input size.

    Args:
        folder: a saved model folder.
        device: for torch; None: the GPU where there is one.
        batch_sizes: images at once.
        num_batches: timed for each size, after a warm-up.

    Raises:
        ModelError: the folder is not a model.
    """
    predictor = Predictor.load(folder, device)
    height, width = predictor.artifact.model.image_size
    rng = np.random.default_rng(0)
    latencies = []
    for size in batch_sizes:
        images = [rng.integers(0, 256, (height, width, 3), dtype=np.uint8) for _ in range(size)]
        times_ms = []
        for i in range(_WARM_UP + num_batches):
            start = time.perf_counter()
            predictor.predict(images)  # its result is on the CPU: nothing is left to wait for
            if i >= _WARM_UP:
                times_ms.append(1000 * (time.perf_counter() - start))
        p50, p95, p99 = (float(np.percentile(times_ms, p)) for p in (50, 95, 99))
        latencies.append(Latency(size, p50, p95, p99, 1000 * size / p50, num_batches))
    return Cost(
        device=str(predictor.device),
        threads=torch.get_num_threads(),
        image_size_hw=(height, width),
        latencies=latencies,
        peak_memory_mib=_peak_memory(predictor.device) / MIB,
        # Not deeper: a report may lie in the folder.
        disk_mib=sum(f.stat().st_size for f in folder.iterdir() if f.is_file()) / MIB,
    )


def _peak_memory(device: torch.device) -> float:
    """Return bytes."""
    if device.type == "cuda":
        return float(torch.cuda.max_memory_allocated(device))
    unit = 1 if sys.platform == "darwin" else 1024
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)


def table(cost: Cost) -> str:
    """Return the measurement as lines for people."""
    height, width = cost.image_size_hw
    lines = [
        f"on {cost.device} ({cost.threads} threads), images of {width} x {height}:",
        "  batch    p50 ms    p95 ms    p99 ms  images/s",
    ]
    lines += [
        f"  {one.batch_size:5}{one.p50_ms:10.2f}{one.p95_ms:10.2f}{one.p99_ms:10.2f}"
        f"{one.images_per_s:10.1f}"
        for one in cost.latencies
    ]
    lines.append(f"  peak memory {cost.peak_memory_mib:,.0f} MiB, on disk {cost.disk_mib:,.1f} MiB")
    return "\n".join(lines)
