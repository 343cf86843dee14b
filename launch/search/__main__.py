"""`python -m launch.search RUN_ID`: the process of a search; the ledger is MLFLOW_TRACKING_URI."""

from __future__ import annotations

import sys

from cvcore.cli.exit import exit_code


def _run(run_id: str) -> int:
    from launch.base import RunState
    from launch.ledger import Ledger
    from launch.search.driver import Driver
    from launch.search.start import held

    ledger = Ledger()
    with held(ledger.get(run_id)) as is_mine:
        if not is_mine:
            print("another process goes on with this search", flush=True)
            return 0
        driver = Driver(ledger, run_id, tell=lambda text: print(text, flush=True))
        return 0 if driver.run().state is RunState.SUCCEEDED else 1


if __name__ == "__main__":
    sys.exit(exit_code(lambda: _run(sys.argv[1])))
