"""`lakesight demo`: train, evaluate and predict on real input, by the commands anyone would type."""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
import time
from pathlib import Path

from cvcore.config.composer import load
from cvcore.config.overrides import parse

HELP = "train, evaluate and predict on the built-in digits, about 3 minutes on 2 cores"

EXAMPLES = """examples:
  lakesight demo                                   a detector
  lakesight demo task=semantic_segmentation        any of the five tasks
  lakesight demo trainer.num_train_epochs=1        any override of `lakesight train`
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.epilog = EXAMPLES
    parser.add_argument("--out", type=Path, help="the run's folder (default: runs/<time>-demo)")
    parser.add_argument("overrides", nargs="*", help="group=option and key=value")


def run(args: argparse.Namespace) -> int:
    """Run the three commands, each shown before it runs; return the exit code of the first to fail.

    Raises:
        LakesightError: the overrides cannot be used.
    """
    load(args.overrides)  # a wrong one is refused before the first command is shown
    start = time.monotonic()
    folder = args.out or Path("runs") / time.strftime("%Y%m%d-%H%M%S-demo")
    out = folder / "pictures-of-test"
    data = [o for o in args.overrides if parse(o).key.partition(".")[0] == "data"] or [
        "data=digits"
    ]
    for title, words in (
        ("train", ["train", *args.overrides, f"run.dir={folder}"]),
        ("evaluate", ["evaluate", str(folder), "--split", "test"]),
        ("predict", ["predict", str(folder), *data, "--split", "test", "--out", str(out)]),
    ):
        print(f"\n--- {title}: lakesight {shlex.join(words)}", flush=True)
        code = subprocess.call([sys.executable, "-m", "cvcore.cli.main", *words])  # noqa: S603
        if code:
            return code
    minutes, seconds = divmod(round(time.monotonic() - start), 60)
    print(
        f"\nDone in {minutes} min {seconds:02d} s. Look at:\n"
        f"  {out / 'sheet.png'}    what the model sees on pictures it never saw\n"
        f"  {folder / 'report' / 'test' / 'index.html'}    the report: classes, curves, worst images\n"
        "  `make app`    curves of this run beside others, in the browser\n"
        "Next, your own pictures: lakesight data inspect data=coco data.root=...  (docs/data.md)"
    )
    return 0
