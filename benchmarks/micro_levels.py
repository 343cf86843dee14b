"""What the micro models reach on the built-in digits, and how long each trains.

One `lakesight train task=...` per task, as anyone would type it. There is nothing to compare with:
the levels are recorded in docs/benchmarks.md, so that a change which makes them worse is seen.

    python -m benchmarks.micro_levels [task ...]
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

LEVELS = {
    "classification": ("top1",),
    "detection": ("AP", "AP50"),
    "semantic_segmentation": ("mIoU",),
    "instance_segmentation": ("mask_AP", "mask_AP50"),
    "panoptic_segmentation": ("PQ",),
}
"""Task -> the figures that are recorded."""


def run(tasks: tuple[str, ...] = tuple(LEVELS)) -> list[dict[str, Any]]:
    """Return one row of the benchmark table per task and figure."""
    return [row for task in tasks for row in _rows(task)]


def _rows(task: str) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        command = [sys.executable, "-m", "cvcore.cli.main", "train", f"task={task}"]
        start = time.perf_counter()
        subprocess.run([*command, f"run.dir={out}"], check=True, capture_output=True, cwd=folder)
        seconds = time.perf_counter() - start
        metrics = {
            split: json.loads((out / "report" / split / "report.json").read_text())["metrics"]
            for split in ("val", "test")
        }
    return [
        {
            "benchmark": f"{task}: {key} on {split}",
            "ours": round(metrics[split][key]["value"], 3),
            "reference": "-",
            "unit": "",
            "ratio": "-",
            "note": f"the whole command took {seconds:.0f} s",
        }
        for split in ("val", "test")
        for key in LEVELS[task]
    ]


if __name__ == "__main__":
    from benchmarks.__main__ import table

    print(table(run(tuple(sys.argv[1:]) or tuple(LEVELS))))
