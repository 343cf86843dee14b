"""Wall time of the whole demo: train, evaluate and predict on the built-in digits.

There is nothing it could be compared with; the figure is the promise of the README.

    python -m benchmarks.demo
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any


def run() -> list[dict[str, Any]]:
    """Return one row of the benchmark table."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        command = [sys.executable, "-m", "cvcore.cli.main", "demo", "--out", str(out)]
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True, cwd=folder)
        seconds = time.perf_counter() - start
        metrics = json.loads((out / "report" / "test" / "report.json").read_text())["metrics"]
    return [
        {
            "benchmark": "lakesight demo",
            "ours": round(seconds),
            "reference": "-",
            "unit": "s",
            "ratio": "-",
            "note": f"detector from random weights; test AP50 {metrics['AP50']['value']:.3f}",
        }
    ]


if __name__ == "__main__":
    for row in run():
        print(json.dumps(row))
