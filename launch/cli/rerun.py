"""`lakesight rerun`: a new run like an earlier one."""

from __future__ import annotations

import argparse

HELP = "submit a new run with the overrides of an earlier one, and more"

EXAMPLES = """examples:
  lakesight rerun 3f2a9c01
  lakesight rerun 3f2a9c01 seed=7 optim.learning_rate=1e-4
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    from launch.cli.open_ledger import add_run

    parser.epilog = EXAMPLES
    add_run(parser)
    parser.add_argument("overrides", nargs="*", help="group=option and key=value, on top")
    parser.add_argument("--follow", action="store_true", help="show the log until it ends")


def run(args: argparse.Namespace) -> int:
    """Submit it; returns 0.

    Raises:
        LakesightError: no such run, or it can't be submitted.
    """
    from launch.cli.open_ledger import one_run, open_ledger
    from launch.cli.submit import follow_to_the_end
    from launch.submit import Submitter

    one = Submitter().rerun(one_run(open_ledger(args), args), args.overrides)
    print(f"submitted {one.title} as {one.handle.run_id[:8]}: {one.handle.folder}", flush=True)
    return (follow_to_the_end(one) or 0) if args.follow else 0
