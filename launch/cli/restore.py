"""`lakesight restore`: what `lakesight backup` saved, in an empty place."""

from __future__ import annotations

import argparse
from pathlib import Path

HELP = "put back what `lakesight backup` saved"

EXAMPLES = """examples:
  lakesight restore lakesight-2026-11-24.tar.gz            into this folder
  lakesight restore lakesight-2026-11-24.tar.gz --to new
Nothing that is there is overwritten.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.epilog = EXAMPLES
    parser.add_argument("source", type=Path, metavar="DIR|FILE", help="what `backup` wrote")
    parser.add_argument(
        "--to", type=Path, default=Path(), metavar="FOLDER", help="where (default: this folder)"
    )


def run(args: argparse.Namespace) -> int:
    """Restore; returns 0.

    Raises:
        BackupError: it can't be restored; nothing was overwritten.
    """
    from launch.backup import DATABASE, restore

    done = restore(args.source, args.to / DATABASE)
    print(f"{args.to / DATABASE}: {done.num_runs:,} runs, {done.num_files:,} files")
    print(f"look: MLFLOW_TRACKING_URI=sqlite:///{(args.to / DATABASE).absolute()} lakesight runs")
    return 0
