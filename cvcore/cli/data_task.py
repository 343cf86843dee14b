"""The configuration of a data set when the command line may not say the task."""

from __future__ import annotations

from collections.abc import Sequence

from cvcore.config.composer import load
from cvcore.config.schema import Config

_SAYS_THE_TASK = ("task=", "model=", "experiment=")


def load_data(overrides: Sequence[str]) -> Config:
    """Return the configuration; without a task that of the data: the first its reader serves.

    Raises:
        ConfigError: the overrides can't be composed.
    """
    if any(override.startswith(_SAYS_THE_TASK) for override in overrides):
        return load(overrides)
    from cvcore.data.readers import READERS

    config = load(overrides)
    reader = READERS.get(config.data.reader)
    if reader is None or config.task.kind in reader.kinds:
        return config
    return load([f"task={reader.kinds[0]}", *overrides])
