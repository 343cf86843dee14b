"""`lakesight-node --spec=<path> [--job-run-id=<id>]`: what a job's task calls on its node."""

from __future__ import annotations

import argparse
import contextlib
import logging
import sys
from typing import NoReturn

from cvcore.errors import LakesightError
from launch.base import RunState
from launch.clock import SystemClock
from launch.node.run import NodeRun, Outcome, read_spec

_log = logging.getLogger(__name__)


def main() -> NoReturn:
    """Run, and end the process the way the platform is to show it.

    A wheel's entry point fails its task by raising; the text of the SystemExit is what the
    platform's page shows, so it is the cause.
    """
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO)
    logging.getLogger("py4j").setLevel(logging.WARNING)
    parser = argparse.ArgumentParser(prog="lakesight-node", description=__doc__)
    parser.add_argument("--spec", required=True, help="the run's spec on a Volume")
    parser.add_argument("--job-run-id", default="", help="the platform's run")
    # A job may push down parameters of its own.
    args, _ = parser.parse_known_args()
    try:
        spec = read_spec(args.spec)
        outcome = NodeRun(spec, args.job_run_id, SystemClock()).run()
    except LakesightError as error:
        sys.exit(f"error: {error}")
    if outcome.state is RunState.SUCCEEDED:
        sys.exit(0)
    if outcome.state.is_final and spec.platform_retries:
        _stop_retries(args.job_run_id, outcome)
    sys.exit(f"{outcome.state}: {outcome.reason}")


def _stop_retries(job_run_id: str, outcome: Outcome) -> None:
    """Ask the platform not to try again what is final: each try would start a cluster.

    Without the right to do so it tries, and this program ends at once.
    """
    if not job_run_id.isdigit():
        return
    _log.info("the run has ended (%s); further tries of the platform are called off", outcome.state)
    with contextlib.suppress(Exception):
        from databricks.sdk import WorkspaceClient

        WorkspaceClient().jobs.cancel_run(int(job_run_id))


if __name__ == "__main__":
    main()
