"""The configuration of an evaluation: a saved model's run with overrides on top. Torch-free."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cvcore.config.composer import load
from cvcore.config.overrides import parse
from cvcore.config.schema import Config
from cvcore.errors import ModelError
from cvcore.serve import artifact
from cvcore.train.frozen import OVERRIDES, read_overrides


def configuration(folder: Path, overrides: Sequence[str]) -> Config:
    """Return the configuration of a saved model's run with overrides on top.

    Task and model are those that were saved. Another `data=` replaces all that the run said of data.

    Args:
        folder: a saved model folder; a run's, or a copy somewhere else (then the defaults hold).
        overrides: as on the command line.

    Raises:
        ConfigError: the overrides can't be used.
        ModelError: the folder is not a model, or the overrides name another task.
    """
    saved = artifact.read(folder)
    run_dir = folder.parent
    known = read_overrides(run_dir) if (run_dir / OVERRIDES).is_file() else []
    config = composed(known, overrides, saved.task.kind, str(folder))
    config.task, config.model = saved.task, saved.model
    return config


def composed(known: Sequence[str], overrides: Sequence[str], kind: str, model: str) -> Config:
    """Return what a run's own overrides say with those of an evaluation on top.

    Args:
        known: of the model's run.
        overrides: of the evaluation.
        kind: of the model's task.
        model: the model, for messages.

    Raises:
        ConfigError: the overrides can't be used.
        ModelError: the overrides name another task.
    """
    replaced = {"run"} | {key for o in overrides if (key := parse(o).key) in ("data", "experiment")}
    kept = [o for o in known if parse(o).key.partition(".")[0] not in replaced]
    if not any(parse(o).key in ("task", "experiment") for o in [*kept, *overrides]):
        kept.insert(0, f"task={kind}")
    config = load([*kept, *overrides])
    if config.task.kind != kind:
        raise ModelError(
            f"{model} is a model for {kind}, not for {config.task.kind}. Leave task= out."
        )
    return config


def has_own_data(overrides: Sequence[str]) -> bool:
    """Whether an evaluation with these overrides is of the data of the model's run."""
    return not any(parse(o).key.partition(".")[0] in ("data", "experiment") for o in overrides)
