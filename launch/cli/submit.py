"""`lakesight submit`: a training that goes on when you leave."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from launch.submit import Submitted, Submitter

HELP = "start a training that goes on when you leave; with -m a sweep of them, or a search"

EXAMPLES = """examples:
  lakesight submit task=detection                  it waits for a free slot, then trains
  lakesight submit --follow task=detection         and shows its log; Ctrl-C only stops showing
  lakesight submit -m optim.learning_rate=1e-4,3e-4 seed=range(3)     six runs
  lakesight submit --search 20 'optim.learning_rate=tag(log,interval(1e-5,1e-3))' optim=adamw,sgd
                                                   20 runs, chosen by Optuna for the best result
  lakesight submit --dry-run task=detection        every stage in small, in a minute; nothing is kept
  lakesight submit compute.max_retries=5 compute.timeout_s=7200

Then: lakesight runs, lakesight logs -f RUN, lakesight cancel RUN.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.epilog = EXAMPLES
    parser.add_argument("overrides", nargs="*", help="group=option and key=value")
    parser.add_argument(
        "-m", "--multirun", action="store_true", help="values with commas are a sweep: one run each"
    )
    parser.add_argument(
        "--search",
        type=int,
        metavar="TRIALS",
        help="choose values with Optuna, in so many runs: a,b; interval(0,1); int(interval(1,9)); "
        "tag(log,interval(1e-5,1e-3)); range(16,65,16)",
    )
    parser.add_argument(
        "--parallel", type=int, default=1, metavar="N", help="with --search: runs at once (1)"
    )
    parser.add_argument(
        "--metric", help="with --search: what is compared; default: best/<the task's metric>"
    )
    parser.add_argument(
        "--direction",
        choices=("maximize", "minimize"),
        help="with --search: which way is better; default: as the task says",
    )
    parser.add_argument("--follow", action="store_true", help="show the log until it ends")
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="run every stage on a few images and two steps, and submit nothing",
    )
    parser.add_argument("--json", action="store_true", help="with --dry-run: print JSON")


def run(args: argparse.Namespace) -> int:
    """Submit; returns 0, with --follow 1 if the run did not succeed.

    Raises:
        LakesightError: it can't be submitted; says why.
    """
    if args.dry_run:
        from launch.dry_run.command import run as dry_run

        return dry_run(args.overrides, as_json=args.json)
    from launch.submit import Submitter

    submitter = Submitter()
    if args.search is not None:
        return _search(args, submitter)
    if args.multirun:
        done = submitter.sweep(args.overrides)
        for one in done:
            print(f"{one.handle.run_id[:8]}  {one.title}  {one.handle.folder}")
        print(f"{len(done)} runs submitted; lakesight runs shows them.")
        if not args.follow:
            return 0
        codes = []
        for one in done:
            code = follow_to_the_end(one)
            if code is None:
                break  # the reader has gone
            codes.append(code)
        return max(codes, default=0)
    one = submitter.submit(args.overrides)
    print(f"submitted {one.title} as {one.handle.run_id[:8]}: {one.handle.folder}", flush=True)
    return (follow_to_the_end(one) or 0) if args.follow else 0


def _search(args: argparse.Namespace, submitter: Submitter) -> int:
    from launch.cli.show_search import show
    from launch.search.start import begin, start

    maximize = None if args.direction is None else args.direction == "maximize"
    ledger, run = begin(
        submitter, args.overrides, args.search, args.parallel, args.metric, maximize
    )
    log = start(run, ledger)
    short = run.run_id[:8]
    print(f"search {run.title} as {short}: {args.search} trials, {log}", flush=True)
    if not args.follow:
        print(f"lakesight runs shows them; lakesight logs -f {short} follows.")
        return 0
    return show(ledger, run, follow=True) or 0


def follow_to_the_end(submitted: Submitted) -> int | None:
    """Show a run until it ends and settle it in the ledger; see `follow` for what is returned."""
    from launch.cli.follow import follow
    from launch.launchers import get_launcher
    from launch.ledger import Ledger
    from launch.watch import Watch

    handle = submitted.handle
    code = follow(get_launcher(handle.launcher), handle, submitted.title)
    if code is None:
        return None
    ledger = Ledger(submitted.uri)
    Watch(ledger).look([ledger.get(handle.run_id)])
    return code
