"""The errors of a launch, each one a sentence for a person.

LaunchError          everything below; a `LakesightError`, so the command line exits with 2
    SubmitError      a run that could not be handed over; nothing was started
    UnknownRun       a run that this ledger or launcher does not know
"""

from __future__ import annotations

from cvcore.errors import LakesightError


class LaunchError(LakesightError):
    """A run that can't be started, watched or stopped."""


class SubmitError(LaunchError):
    """A run that could not be handed over; nothing was started."""


class UnknownRun(LaunchError):  # noqa: N818 (the name reads as the message does)
    """A run that this ledger or launcher does not know."""
