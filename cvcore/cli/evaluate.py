"""`lakesight evaluate`: a saved model on a split; figures with intervals, and a report folder."""

from __future__ import annotations

import argparse
import json
import logging
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from cvcore.serve.find import model_folder

if TYPE_CHECKING:
    from cvcore.evaluate.report import Report

HELP = "evaluate a saved model on a split and write its report"

EXAMPLES = """examples:
  lakesight evaluate runs/latest                          the run's own data, split val
  lakesight evaluate runs/latest --split test
  lakesight evaluate runs/latest --latency                and how fast it is
  lakesight evaluate runs/latest data=coco data.root=new  other data with the same classes
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.epilog = EXAMPLES
    parser.add_argument(
        "model", type=Path, metavar="RUN", help="a run's folder, its 'best', or runs/latest"
    )
    parser.add_argument("--split", default="val", help="train, val (default) or test")
    parser.add_argument(
        "--out",
        type=Path,
        help="the report's folder (default: report/<split> of the run, or with overrides "
        "evaluations/<time>-<split>)",
    )
    parser.add_argument(
        "--device", help="cpu, cuda or cuda:1 (default: the GPU where there is one)"
    )
    parser.add_argument(
        "--latency",
        action="store_true",
        help="also time the model: milliseconds per batch, memory, disk (latency.json)",
    )
    parser.add_argument("--json", action="store_true", help="print report.json instead of a table")
    parser.add_argument(
        "overrides", nargs="*", help="on top of the run's own: data, trainer, seed ..."
    )


def run(args: argparse.Namespace) -> int:
    """Evaluate, write the report and print the figures; returns 0.

    Raises:
        LakesightError: the model, the data or the overrides can't be used.
    """
    folder = model_folder(args.model)

    from transformers.utils import logging as hf_logging

    from cvcore.evaluate import latency
    from cvcore.evaluate.report import add_cost, plain
    from cvcore.evaluate.saved import evaluate_saved

    hf_logging.disable_progress_bar()
    logging.basicConfig(format="%(message)s")
    logging.getLogger("cvcore").setLevel(logging.INFO)
    report = evaluate_saved(folder, args.overrides, args.split, args.out, args.device)
    if args.json:
        print(json.dumps(plain(report.summary()), indent=1))
    else:
        print(table(report))
        print(f"\nreport: {report.folder / 'index.html'}")
    if args.latency:
        # After the report, on its own: the evaluation's workers are gone.
        cost = latency.measure(folder, args.device)
        add_cost(report, asdict(cost))
        if not args.json:
            print(f"\n{latency.table(cost)}")
    return 0


def table(report: Report) -> str:
    """Return the figures, one per line: key, value, 95 % interval, meaning."""
    from cvcore.evaluate.names import describe

    num_images = report.certificate["num_images"]
    lines = [f"{report.certificate['model']} on {num_images:,} images of {report.split}", ""]
    for key, value in report.metrics.items():
        interval = report.intervals.get(key)
        span = f"{interval.low:.4f} to {interval.high:.4f}" if interval else ""
        mark = "*" if key == report.primary else " "
        shown = "-" if value != value else f"{value:.4f}"
        lines.append(f"{mark} {key:16} {shown:>8}   {span:18} {describe(key).description}".rstrip())
    lines.append("")
    lines.append("* chooses the best checkpoint; spans are 95 % bootstrap intervals over images")
    return "\n".join(lines)
