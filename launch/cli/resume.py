"""`lakesight resume`: go on with a run that has ended before its end."""

from __future__ import annotations

import argparse

HELP = "go on with a failed or canceled run, in its folder and its MLflow run; with a batch or a search"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    from launch.cli.open_ledger import add_run

    add_run(parser)
    parser.add_argument("--follow", action="store_true", help="show the log until it ends")


def run(args: argparse.Namespace) -> int:
    """Submit it again from its newest checkpoint, or a batch from its last part; returns 0.

    Raises:
        LakesightError: no such run, or it has not ended.
    """
    from launch.batch.submit import BATCH
    from launch.batch.submit import resume as resume_batch
    from launch.cli.open_ledger import one_run, open_ledger
    from launch.cli.show_search import show
    from launch.cli.submit import follow_to_the_end
    from launch.search.plan import is_search
    from launch.search.start import go_on
    from launch.submit import Submitter
    from launch.tags import KIND

    ledger = open_ledger(args)
    found = one_run(ledger, args)
    if is_search(found):
        go_on(found, ledger)
        print(f"goes on with {found.title} ({found.run_id[:8]})", flush=True)
        return (show(ledger, found, follow=True) or 0) if args.follow else 0
    is_batch = found.tags.get(KIND) == BATCH
    one = resume_batch(found, ledger) if is_batch else Submitter().resume(found, ledger)
    print(f"goes on with {one.title} ({one.handle.run_id[:8]}): {one.handle.folder}", flush=True)
    return (follow_to_the_end(one) or 0) if args.follow else 0
