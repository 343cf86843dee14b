"""Asks a run to stop, and has it in the activity log."""

from __future__ import annotations

from launch.activity.record import recorded
from launch.launchers import get_launcher
from launch.ledger_run import LedgerRun


def cancel(run: LedgerRun, user: str = "") -> None:
    """Ask a run to stop; it saves first. Its launcher's `poll` tells when it has.

    Args:
        run: of the ledger.
        user: who asks; "": the account of this process.

    Raises:
        LaunchError: its launcher can't be asked.
    """
    with recorded("cancel", f"run {run.title}", user) as told:
        told["id"] = run.run_id
        get_launcher(run.handle.launcher).cancel(run.handle)
