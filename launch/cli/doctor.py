"""`lakesight doctor`: what a run needs, looked at one by one, each with what mends it."""

from __future__ import annotations

import argparse
import json

HELP = "check this machine (and a workspace), line by line, with the command that mends it"

EXAMPLES = """examples:
  lakesight doctor
  lakesight doctor data=coco data.root=path run.dir=/disk2/run
  lakesight doctor --databricks compute=databricks_cluster tracking.experiment=/Shared/cells
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.epilog = EXAMPLES
    parser.add_argument("--databricks", action="store_true", help="check the workspace too")
    parser.add_argument("--profile", help="profile of ~/.databrickscfg")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("overrides", nargs="*", help="of the run that is meant")


def run(args: argparse.Namespace) -> int:
    """Print the findings; returns 0, or 1 if one is a fail.

    Raises:
        LaunchError: there is no connection to a workspace.
    """
    from launch.doctor.run import examine, line

    client = None
    if args.databricks:
        from launch.clock import SystemClock
        from launch.databricks.client import connect

        client = connect(SystemClock(), args.profile)
    findings = examine(
        args.overrides,
        client,
        (lambda _: None) if args.json else (lambda f: print(line(f), flush=True)),
    )
    if args.json:
        print(json.dumps([finding.to_dict() for finding in findings], indent=1))
    failed = [finding for finding in findings if finding.status == "fail"]
    if not args.json:
        warned = sum(finding.status == "warn" for finding in findings)
        print(
            f"\n{len(findings)} checks: {len(failed)} fail, {warned} warn. docs/troubleshooting.md"
        )
    return 1 if failed else 0
