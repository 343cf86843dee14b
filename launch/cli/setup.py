"""`lakesight setup`: schema, Volume, experiment and grants of a workspace, made and verified."""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import asdict

HELP = "make and verify schema, Volume, experiment and grants of a Databricks workspace"

EXAMPLES = """examples:
  lakesight setup --volume /Volumes/main/cv/lakesight --dry-run       the SQL, nothing is done
  lakesight setup --volume /Volumes/main/cv/lakesight --experiment /Shared/lakesight
  lakesight setup --volume /Volumes/main/cv/lakesight --principal ann@example.com
Doing it twice changes nothing. A principal is an e-mail, a service principal's application id or a group.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.epilog = EXAMPLES
    parser.add_argument(
        "--volume",
        default=os.environ.get("LAKESIGHT_VOLUME", ""),
        help="/Volumes/<catalog>/<schema>/<volume> (default: LAKESIGHT_VOLUME)",
    )
    parser.add_argument("--experiment", default="/Shared/lakesight", help="its path")
    parser.add_argument(
        "--principal", action="append", default=[], metavar="WHO", help="who may train; repeatable"
    )
    parser.add_argument("--create-catalog", action="store_true", help="make the catalog too")
    parser.add_argument("--dry-run", action="store_true", help="print the SQL and do nothing")
    parser.add_argument("--profile", help="profile of ~/.databrickscfg")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Set up; returns 0, or 1 if a step failed.

    Raises:
        SetupError: a name that can't be used.
        LaunchError: there is no connection to a workspace.
    """
    from launch.setup.sql import statements
    from launch.setup.wish import wish

    wanted = wish(args.volume, args.experiment, tuple(args.principal), args.create_catalog)
    if args.dry_run:
        found = statements(wanted)
        print(json.dumps(found, indent=1) if args.json else "\n".join(found))
        return 0

    from launch.clock import SystemClock
    from launch.databricks.client import connect
    from launch.setup.run import Step, setup

    def tell(step: Step) -> None:
        if not args.json:
            print(
                f"{step.status:6} {step.what}" + (f": {step.said}" if step.said else ""), flush=True
            )
            if step.fix:
                print(f"{'':6}   fix: {step.fix}")

    steps = setup(connect(SystemClock(), args.profile), wanted, tell)
    if args.json:
        print(json.dumps([asdict(step) for step in steps], indent=1))
    return 1 if any(step.status == "fail" for step in steps) else 0
