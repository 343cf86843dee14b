"""`lakesight submit-evaluation`: an evaluation that goes on when you leave."""

from __future__ import annotations

import argparse

HELP = "start an evaluation of a run's model that goes on when you leave"

EXAMPLES = """examples:
  lakesight submit-evaluation runs/latest --split test
  lakesight submit-evaluation cells --split test --follow       a run by its title; shows its log
  lakesight submit-evaluation runs/latest data=coco data.root=new --split val
                                                                other data with the same classes
  lakesight submit-evaluation cells --split test tracking=databricks compute=databricks_cluster
                                                                on a cluster, its model from MLflow

It is a run of its own, in the line as a training, linked to the model's run: lakesight runs,
lakesight logs -f RUN, lakesight cancel RUN. The report is in MLflow, and in report/<split> of a folder here.
At once and in this terminal: lakesight evaluate.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    from launch.cli.open_ledger import add_uri

    parser.epilog = EXAMPLES
    parser.add_argument(
        "model", metavar="RUN", help="a run's folder, id or title; a model's folder"
    )
    parser.add_argument("--split", default="val", help="train, val (default) or test")
    parser.add_argument("--follow", action="store_true", help="show the log until it ends")
    parser.add_argument(
        "overrides",
        nargs="*",
        help="on top of the run's own: data, trainer, seed ...; of compute and tracking: where it runs",
    )
    add_uri(parser)


def run(args: argparse.Namespace) -> int:
    """Submit; returns 0, with --follow 1 if the run did not succeed.

    Raises:
        LakesightError: it can't be submitted; says why.
    """
    from launch.cli.submit import follow_to_the_end
    from launch.evaluation.submit import submit

    one = submit(args.model, args.split, args.overrides, ledger_uri=args.tracking_uri)
    print(f"submitted {one.title} as {one.handle.run_id[:8]}: {one.handle.folder}", flush=True)
    return (follow_to_the_end(one) or 0) if args.follow else 0
