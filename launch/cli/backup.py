"""`lakesight backup`: the local ledger, its artifacts and your recipes in one place."""

from __future__ import annotations

import argparse
from pathlib import Path

HELP = "save the local ledger, its artifacts and your conf folders"

EXAMPLES = """examples:
  lakesight backup lakesight-2026-11-24.tar.gz
  lakesight backup /mnt/safe/lakesight --tracking-uri sqlite:///mlruns.db
Runs may go on meanwhile. Back: lakesight restore FILE
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.epilog = EXAMPLES
    parser.add_argument("target", type=Path, metavar="DIR|FILE", help="a new folder, or a *.tar.gz")
    parser.add_argument("--tracking-uri", default="", help="of the ledger (a SQLite file)")


def run(args: argparse.Namespace) -> int:
    """Save; returns 0.

    Raises:
        BackupError: it can't be saved.
    """
    from launch.backup import backup

    done = backup(args.target, args.tracking_uri)
    print(f"{done.place}: {done.num_runs:,} runs, {done.num_files:,} files")
    return 0
