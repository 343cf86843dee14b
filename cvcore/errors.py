"""The errors a user can cause, each one a sentence: what was wrong, what is allowed, what to do.

LakesightError           everything below; the command line prints it and exits with 2
    ConfigError          a configuration that can't be run
        OverrideError    an override that is malformed, unsafe or of the wrong type
        UnknownOption    an option that its group does not have
    DataError            a data set, an image or an annotation that can't be used
    ModelError           a checkpoint that can't be built, or of another task or label space
    TrainingError        a training that had to stop (loss not finite, disk full, out of memory)
        TrainingInterrupted  one that was ended from outside: the same command goes on with it
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class LakesightError(Exception):
    """A fault a user can understand and repair; `str(error)` is shown as it is."""

    exit_code = 2


class ConfigError(LakesightError):
    """A configuration that can't be run."""


class OverrideError(ConfigError):
    """An override that is malformed, unsafe or of the wrong type."""


class UnknownOption(ConfigError):  # noqa: N818 (the name reads as the message does)
    """An option that its group does not have."""


class DataError(LakesightError):
    """A data set, an image or an annotation that can't be used."""


class ModelError(LakesightError):
    """A checkpoint that can't be built, or that belongs to another task or label space."""


class TrainingError(LakesightError):
    """A training that had to stop."""


class TrainingInterrupted(TrainingError):  # noqa: N818 (the name reads as the message does)
    """A training that was killed or crashed: trying again, by a launcher or a person, may do."""

    exit_code = 75  # EX_TEMPFAIL of sysexits.h


def did_you_mean(value: str, allowed: Iterable[str]) -> str:
    """Return " Did you mean 'x'?" for the nearest allowed value, or an empty string."""
    close = difflib.get_close_matches(value, list(allowed), n=1, cutoff=0.6)
    return f" Did you mean {close[0]!r}?" if close else ""
