"""What a training costs where other work wants the same cores: OpenMP's waiting against ours.

The same forward and backward passes of a small convolutional model, alone and three at once, each in a
process of its own with as many threads as there are cores. The alternative is torch as it comes, whose
threads spin while they wait; ours is what `import cvcore` asks of OpenMP. The two alternate; medians.

    python -m benchmarks.shared_cores
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from typing import Any

ROUNDS, STEPS = 3, 40
CHILD = f"""
import time
if {{ours}}:
    import cvcore
import torch

blocks = [
    layer
    for _ in range(6)
    for layer in (torch.nn.Conv2d(32, 32, 3, padding=1), torch.nn.BatchNorm2d(32), torch.nn.ReLU())
]
model, images = torch.nn.Sequential(*blocks), torch.randn(8, 32, 48, 48)
model(images).sum().backward()
start = time.perf_counter()
for _ in range({STEPS}):
    model(images).sum().backward()
print(time.perf_counter() - start)
"""


def seconds(ours: bool, at_once: int) -> float:
    """Return how long the steps took, s: the mean of the processes."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("OMP_")}
    words = [sys.executable, "-c", CHILD.format(ours=ours)]
    started = [
        subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(at_once)
    ]
    return statistics.mean(float(process.communicate()[0]) for process in started)


def run() -> list[dict[str, Any]]:
    """Return rows of the benchmark table."""
    rows = []
    for at_once, what in ((1, "alone"), (3, "three at once")):
        pairs = [(seconds(True, at_once), seconds(False, at_once)) for _ in range(ROUNDS)]
        ours, theirs = (statistics.median(one) for one in zip(*pairs, strict=True))
        rows.append(
            {
                "benchmark": f"training steps on shared cores, {what}",
                "ours": f"{1000 * ours / STEPS:.0f}",
                "reference": f"{1000 * theirs / STEPS:.0f}",
                "unit": "ms a step",
                "ratio": f"{theirs / ours:.1f}",
                "note": f"{os.cpu_count()} cores; the alternative is torch's default: threads that spin",
            }
        )
    return rows


if __name__ == "__main__":
    for row in run():
        print(json.dumps(row))
