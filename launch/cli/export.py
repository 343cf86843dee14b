"""`lakesight export`: a run's model as a file that other software executes."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

HELP = "write the model of a run as ONNX, checked against the trained one on real images"

EXAMPLES = """examples:
  lakesight export runs/latest --onnx cells.onnx
  lakesight export runs/latest --onnx cells.onnx --images 32 --tolerance 1e-4
  lakesight export runs/latest --onnx cells.onnx --on photos/     a folder of images instead of val
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    from launch.cli.open_ledger import add_run

    parser.epilog = EXAMPLES
    add_run(parser)
    parser.add_argument("--onnx", type=Path, required=True, metavar="FILE", help="to write")
    parser.add_argument(
        "--images", type=int, default=8, help="images that both must agree on (default: 8)"
    )
    parser.add_argument(
        "--on", type=Path, metavar="FOLDER", help="images to compare on (default: the run's val)"
    )
    parser.add_argument(
        "--tolerance",
        type=float,
        default=1e-3,
        help="largest difference of an output, relative to its range (default: 1e-3)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Write the file and print what was compared; returns 0.

    Raises:
        LakesightError: the run has no model, it can't be written, or both disagree.
    """
    import sys
    from dataclasses import asdict

    from launch.registry.export import export_onnx
    from launch.registry.source import source_of

    done = export_onnx(
        source_of(args.run, args.tracking_uri),
        args.onnx,
        num_images=args.images,
        images=args.on,
        tolerance=args.tolerance,
        say=lambda line: print(line, file=sys.stderr, flush=True),
    )
    if args.json:
        print(json.dumps({**asdict(done), "file": str(done.file)}, indent=1))
        return 0
    for name, difference in done.differences.items():
        print(f"{name:24} {' x '.join(map(str, done.shapes[name])):20} differs by {difference:.2e}")
    batch = "any number of images" if not done.batch else "one image"
    largest = max(done.differences.values())
    print(
        f"{done.file} ({done.size_mib:.1f} MiB, opset {done.opset}, {batch} at once): the same as the "
        f"trained model on {done.num_images} images, largest difference {largest:.2e} (allowed: "
        f"{done.tolerance:g} of an output's range)"
    )
    return 0
