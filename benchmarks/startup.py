"""How long the commands take that answer without training: help, compose, --cfg job.

Alternatives: `accelerate launch --help` (the launcher of the HF examples) for help, and a plain
`@hydra.main` over the same configuration for composing. Each command runs in a fresh process, after
one run that warms the disk cache; ours and the alternative alternate; medians.

    python -m benchmarks.startup
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROUNDS = 7
PLAIN = """
import hydra
from cvcore.config.paths import conf_dir
from cvcore.config.store import register

register()

@hydra.main(version_base=None, config_path=str(conf_dir()), config_name="config")
def main(config):
    pass

main()
"""


def run() -> list[dict[str, Any]]:
    """Return rows of the benchmark table."""
    scripts = Path(sys.executable).parent
    lakesight, accelerate = str(scripts / "lakesight"), str(scripts / "accelerate-launch")
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "plain.py"
        plain.write_text(PLAIN)
        hydra = [sys.executable, str(plain), "--cfg", "job"]
        return [
            _row("lakesight --help", [lakesight, "--help"], [accelerate, "--help"], "accelerate"),
            _row("lakesight train --help", [lakesight, "train", "--help"], [accelerate, "--help"],
                 "accelerate"),
            _row("lakesight compose", [lakesight, "compose"], hydra, "plain hydra.main"),
            _row(
                "python -m cvcore.train --cfg job",
                [sys.executable, "-m", "cvcore.train", "--cfg", "job"],
                hydra,
                "plain hydra.main",
            ),
        ]  # fmt: skip


def _row(name: str, ours: list[str], reference: list[str], alternative: str) -> dict[str, Any]:
    times: tuple[list[float], list[float]] = ([], [])
    for i in range(ROUNDS + 1):
        for side, command in zip(times, (ours, reference), strict=True):
            seconds = _seconds(command)
            if i:
                side.append(seconds)
    mine, theirs = map(statistics.median, times)
    return {
        "benchmark": name,
        "ours": round(mine, 2),
        "reference": round(theirs, 2),
        "unit": "s",
        "ratio": round(theirs / mine, 1),
        "note": f"{alternative}; goal: ours within 0.5 s",
    }


def _seconds(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env=os.environ)
    return time.perf_counter() - start


if __name__ == "__main__":
    for row in run():
        print(json.dumps(row))
