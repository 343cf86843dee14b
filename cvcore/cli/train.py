"""`lakesight train`: one training from overrides."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cvcore.train.run import RunResult

HELP = "train a model, or go on with a run"

EXAMPLES = """examples:
  lakesight train                                          a detector, on digits
  lakesight train task=semantic_segmentation
  lakesight train model=detection/d_fine_micro trainer.num_train_epochs=5
  lakesight train experiment=bccd_detection data.root=path/to/bccd
  lakesight train task=detection run.dir=runs/first        again: goes on where it stopped
  lakesight train deepspeed=zero2 compute.num_devices=0    one process per GPU
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.epilog = EXAMPLES
    parser.add_argument("overrides", nargs="*", help="group=option and key=value")


def run(args: argparse.Namespace) -> int:
    """Train; returns 0.

    Raises:
        LakesightError: the configuration, the data or the model cannot be used, or the training
            had to stop; says why.
    """
    from cvcore.config.composer import load

    # The configuration is checked before the seconds that importing torch takes.
    config = load(args.overrides)

    from cvcore.train.run import train

    print(summary(train(config, args.overrides), config.task.metric))
    return 0


def summary(result: RunResult, metric: str) -> str:
    """Return what a person wants to know at the end: how good, where, and what to do next."""
    folder = Path(result.run_dir)
    if folder.is_relative_to(Path.cwd()):
        folder = folder.relative_to(Path.cwd())
    why = {"steps": "all steps done", "time_budget": "the time budget is spent"}
    figures = []
    for split, prefix in (("val", "best"), ("test", "test")):
        value, low, high = (
            result.metrics.get(f"{prefix}/{metric}{end}") for end in ("", "_low", "_high")
        )
        if value is not None:
            interval = "" if low is None else f" (95 %: {low:.4f} to {high:.4f})"
            figures.append(f"{metric} {value:.4f} on {split}{interval}")
    rows = {
        "stopped": f"step {result.step}, {why.get(result.stopped_by, result.stopped_by)}",
        "figures": "; ".join(figures),
        "model": str(folder / "best"),
        "report": str(folder / "report" / "val" / "index.html"),
        "next": f"lakesight predict {shlex.quote(str(folder))} <pictures>",
    }
    return "\n".join(f"{key:8} {text}" for key, text in rows.items() if text)
