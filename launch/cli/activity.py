"""`lakesight activity`: who did what."""

from __future__ import annotations

import argparse
import time

from launch.activity.entry import ACTIONS
from launch.activity.export import FORMATS
from launch.errors import LaunchError

HELP = "who launched, cancelled, registered, promoted, deployed or deleted what"

EXAMPLES = """examples:
  lakesight activity                          the newest deeds, here and in the app
  lakesight activity parts                    those with the word parts
  lakesight activity --action deploy --days 7
  lakesight activity --format csv > activity.csv

It is in the state folder of this machine unless LAKESIGHT_ACTIVITY_DIR names a shared folder or a Volume.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.epilog = EXAMPLES
    parser.add_argument("words", nargs="*", metavar="WORD", help="all of them occur in a deed")
    parser.add_argument("--action", default="", help=", ".join(ACTIONS))
    parser.add_argument("--user", default="", help="who did it")
    parser.add_argument("--days", type=float, help="of the last days only")
    parser.add_argument("-n", type=int, default=50, help="how many are shown (50)")
    parser.add_argument("--format", default="", help=f"all of them, as {' or '.join(FORMATS)}")


def run(args: argparse.Namespace) -> int:
    """Show or export; returns 0.

    Raises:
        LakesightError: no such action or format, or the log can't be read.
    """
    from cvcore.errors import did_you_mean
    from launch.activity.export import exported, row
    from launch.activity.log import ActivityLog

    if args.action and args.action not in ACTIONS:
        raise LaunchError(
            f"{args.action!r} is no action. Actions: {', '.join(ACTIONS)}."
            f"{did_you_mean(args.action, ACTIONS)}"
        )
    since = time.time() - args.days * 86_400 if args.days else 0.0
    most = None if args.format else max(args.n, 1)
    log = ActivityLog()
    found = log.find(" ".join(args.words), args.action, args.user, since, most)
    if args.format:
        print(exported(found, args.format), end="")
    elif not found:
        print(f"nothing of that kind was done yet ({log.place})")
    else:
        rows: list[tuple[str, ...]] = [
            ("time (UTC)", "user", "action", "subject", "outcome", "detail")
        ]
        rows += [row(one)[:6] for one in reversed(found)]
        widths = [max(len(line[i]) for line in rows) for i in range(5)]
        for line in rows:
            cells = [cell.ljust(width) for cell, width in zip(line, [*widths, 0], strict=True)]
            print("  ".join(cells).rstrip())
    return 0
