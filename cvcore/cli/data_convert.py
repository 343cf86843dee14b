"""`lakesight data convert`."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from dataclasses import asdict

_SHOWN = 10


def run(args: argparse.Namespace) -> int:
    """Convert and tell what was written; returns 0, or 1 where annotations were left out.

    Raises:
        DataError: the data set can't be read, or the target can't be written.
    """
    from cvcore.data.convert import convert

    how = "link" if args.link else "copy"
    report = convert(args.source_format, args.source, args.target, args.task, how)
    if args.json:
        print(json.dumps(asdict(report) | {"out": str(report.out)}, indent=1))
    else:
        for name, images in report.num_images.items():
            print(f"{name}: {images:,} images, {report.num_annotations[name]:,} annotations")
        print(f"{len(report.classes)} classes: {', '.join(report.classes[:20])}")
        words = " ".join(map(shlex.quote, report.overrides))
        print(f"use it: lakesight train task={report.kind} {words}")
    for fault in report.faults[:_SHOWN]:
        print(f"left out: {fault}", file=sys.stderr)
    if len(report.faults) > _SHOWN:
        print(f"left out: {len(report.faults) - _SHOWN:,} more; see --json", file=sys.stderr)
    return 1 if report.faults else 0
