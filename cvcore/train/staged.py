"""A training from a file: `python -m cvcore.train <run folder>/config.yaml`.

What every launcher executes: nothing is composed again, so the machine needs no conf folder and the
run is the one that was checked when it was submitted. Torch-free until it trains.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

ATTEMPT_VARIABLE = "LAKESIGHT_ATTEMPT"
"""Environment variable: number of the attempt at this run. From 2 on it goes on where it stopped."""


def config_file(words: Sequence[str]) -> Path | None:
    """Return the configuration's file if that is the command line; it is never an override."""
    if len(words) == 1 and "=" not in words[0] and Path(words[0]).suffix in (".yaml", ".yml"):
        return Path(words[0])
    return None


def train(path: Path) -> int:
    """Train what a file says; return 0.

    Raises:
        LakesightError: the file is none, or the training had to stop; says why.
    """
    from cvcore.train import frozen

    config = frozen.load(path)
    config.run.dir = config.run.dir or str(path.parent.absolute())
    if int(os.environ.get(ATTEMPT_VARIABLE, "1")) > 1 and config.run.resume == "never":
        config.run.resume = "auto"  # "never" was said of what was there before the run
    given = path.with_name(frozen.OVERRIDES)
    overrides = frozen.read_overrides(path.parent) if given.is_file() else []

    from cvcore.cli.train import summary
    from cvcore.train import run

    sys.stdout.write(summary(run.train(config, overrides), config.task.metric) + "\n")
    return 0
