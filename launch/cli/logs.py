"""`lakesight logs`: what a run wrote."""

from __future__ import annotations

import argparse
import sys

HELP = "print what a run wrote; with -f as it comes"

EXAMPLES = """examples:
  lakesight logs 3f2a9c01
  lakesight logs -f runs/20260101-120000-detection
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    from launch.cli.open_ledger import add_run

    parser.epilog = EXAMPLES
    add_run(parser)
    parser.add_argument(
        "-f", "--follow", action="store_true", help="go on until it ends; Ctrl-C only stops showing"
    )


def run(args: argparse.Namespace) -> int:
    """Print the log; returns 0, with -f 1 if the run did not succeed.

    Raises:
        LakesightError: no such run, or its log is not to be had here.
    """
    from launch.cli.follow import follow
    from launch.cli.open_ledger import one_run, open_ledger
    from launch.cli.show_search import show
    from launch.errors import LaunchError
    from launch.launchers import get_launcher
    from launch.search.plan import is_search

    ledger = open_ledger(args)
    found = one_run(ledger, args)
    if is_search(found):
        return show(ledger, found, follow=args.follow) or 0
    if found.is_sweep:
        raise LaunchError(f"{found.title} is a sweep. Give one of its runs; see lakesight runs.")
    launcher = get_launcher(found.handle.launcher)
    if args.follow:
        return follow(launcher, found.handle, found.title) or 0
    cursor = 0
    while True:
        text, cursor = launcher.logs(found.handle, cursor)
        if not text:
            return 0
        sys.stdout.write(text)
