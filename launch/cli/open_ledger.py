"""The ledger that a command means, and a run in it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from launch.ledger import Ledger
    from launch.ledger_run import LedgerRun


def add_run(parser: argparse.ArgumentParser) -> None:
    """Declare RUN and where it is looked up."""
    parser.add_argument("run", metavar="RUN", help="start of its id, its title, or its folder")
    add_uri(parser)


def add_uri(parser: argparse.ArgumentParser) -> None:
    """Declare where runs are looked up."""
    parser.add_argument(
        "--tracking-uri",
        default="",
        metavar="URI",
        help="MLflow server; default: MLFLOW_TRACKING_URI, else the runs of this folder",
    )


def open_ledger(args: argparse.Namespace) -> Ledger:
    """Return the ledger; a run's folder knows its own."""
    from cvcore.metrics.mlflow_run import identity_of
    from launch.ledger import Ledger

    uri = args.tracking_uri
    if not uri and "run" in args:
        identity = identity_of(Path(args.run).expanduser())
        uri = identity.uri if identity else ""
    return Ledger(uri)


def one_run(ledger: Ledger, args: argparse.Namespace) -> LedgerRun:
    """Return the run that a person means; of a sweep too."""
    return ledger.find(args.run)
