"""`lakesight promote`: the alias `champion` moves to a version that passes the gate, or back."""

from __future__ import annotations

import argparse
import json

HELP = "judge a version by the gate's rules and make it the champion, or take that back"

EXAMPLES = """examples:
  lakesight promote cells 3
  lakesight promote cells latest --dry-run             judge only
  lakesight promote cells 3 --policy strict            or a file: --policy gates/lab.yaml
  lakesight promote main.vision.cells 3 --alias staging
  lakesight promote cells --rollback                   the champion before is champion again

Exit codes: 0 it passed, 1 a rule failed and nothing moved, 2 it can't be judged.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    from launch.cli.open_ledger import add_uri

    parser.epilog = EXAMPLES
    parser.add_argument("model", metavar="NAME", help="of the registered model")
    parser.add_argument("version", nargs="?", help="number, alias or latest")
    parser.add_argument("--policy", default="default", help="of conf/gate, or a file")
    parser.add_argument("--alias", default="champion", help="that moves (default: champion)")
    parser.add_argument("--dry-run", action="store_true", help="judge; store and move nothing")
    parser.add_argument("--rollback", action="store_true", help="move the alias to the one before")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--registry-uri", default="", metavar="URI", help="default: beside the runs"
    )
    add_uri(parser)


def run(args: argparse.Namespace) -> int:
    """Judge, move the alias, print the lines; returns 0, or 1 if a rule failed.

    Raises:
        LakesightError: policy, model, version or registry can't be used.
    """
    import sys

    from cvcore.errors import ConfigError
    from launch.registry import promote as gate
    from launch.registry.registry import Registry

    if args.rollback == bool(args.version):
        raise ConfigError(
            "give a version to promote, or --rollback to take a promotion back, not both: "
            f"lakesight promote {args.model} {'VERSION' if not args.version else args.version}"
        )
    registry = Registry(args.tracking_uri, args.registry_uri)
    if args.rollback:
        back = gate.rollback(registry, args.model, args.alias)
        if args.json:
            print(json.dumps({"model": back.model, "alias": back.alias, "version": back.after}))
        else:
            print(f"{back.model}@{back.alias}: version {back.after} again, was {back.before}")
        return 0
    done = gate.promote(
        registry,
        args.model,
        args.version,
        policy=args.policy,
        alias=args.alias,
        dry_run=args.dry_run,
        say=lambda line: print(line, file=sys.stderr, flush=True),
    )
    verdict = done.verdict
    if args.json:
        print(
            json.dumps({**verdict.to_dict(), "moved": done.moved, "report": done.report}, indent=1)
        )
        return 0 if verdict.passed else 1
    print(verdict.text())
    if done.moved:
        before = f", was version {verdict.champion}" if verdict.champion else ""
        print(f"{verdict.model}@{verdict.alias}: version {verdict.version}{before}")
    elif args.dry_run:
        print("dry run: nothing was stored or moved")
    elif not verdict.passed:
        print(f"{verdict.model}@{verdict.alias} stays: {_stays(verdict.champion)}")
    if done.report:
        print(f"report: artifacts {done.report} of the version's run")
    return 0 if verdict.passed else 1


def _stays(champion: str) -> str:
    return f"version {champion}" if champion else "no version has it"
