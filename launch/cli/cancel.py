"""`lakesight cancel`: stop a run; it saves first."""

from __future__ import annotations

import argparse

HELP = "stop a run, or all runs of a sweep; each saves a checkpoint first"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    from launch.cli.open_ledger import add_run

    add_run(parser)


def run(args: argparse.Namespace) -> int:
    """Ask the run to stop; returns 0.

    Raises:
        LakesightError: no such run.
    """
    from launch.base import RunState, RunStatus
    from launch.cancel import cancel
    from launch.cli.open_ledger import one_run, open_ledger
    from launch.search.plan import is_search
    from launch.watch import Watch

    ledger = open_ledger(args)
    found = one_run(ledger, args)
    if is_search(found) and not found.is_settled:
        # First: its process then submits no more.
        ledger.settle(found.run_id, RunStatus(RunState.CANCELED, "canceled by a person"))
    runs = (
        [run for run in ledger.runs() if run.parent == found.run_id] if found.is_sweep else [found]
    )
    before = Watch(ledger).look(runs)
    asked = [one for one in runs if not before[one.run_id].state.is_final]
    for one in asked:
        cancel(one)
    after = Watch(ledger).look([ledger.get(one.run_id) for one in runs])
    for one in runs:
        state = after[one.run_id].state
        if one not in asked:
            print(f"{one.title} had ended already: {state}")
        elif state.is_final:
            print(f"{one.title}: {state}")
        else:
            print(f"{one.title} was asked to stop; it saves first. See lakesight runs.")
    return 0
