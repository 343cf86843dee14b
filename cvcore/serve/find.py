"""Which model folder a person means: the folder itself, its run, or `runs/latest`. Torch-free."""

from __future__ import annotations

from pathlib import Path

from cvcore.errors import ModelError, did_you_mean
from cvcore.serve.artifact import FILE

BEST = "best"
LATEST = "latest"


def model_folder(given: Path) -> Path:
    """Return the saved model folder that a path names.

    Args:
        given: a saved model folder, a run's folder (its `best` is meant), or `<folder of runs>/latest`
            (the run there whose best model is the newest; no link is needed, a Volume has none).

    Raises:
        ModelError: there is none; says what is there.
    """
    given = given.expanduser()
    for folder in (given, given / BEST):
        if (folder / FILE).is_file():
            return folder
    if given.exists():
        raise ModelError(
            f"{given} holds no model: neither it nor its folder '{BEST}' has a {FILE}. "
            + (
                "Its training has not evaluated yet."
                if (given / "overrides.yaml").is_file()
                else f"Give a run's folder.{_runs_in(given)}"
            )
        )
    if given.name == LATEST:
        models = sorted(given.parent.glob(f"*/{BEST}/{FILE}"), key=lambda f: f.stat().st_mtime)
        if models:
            return models[-1].parent
        raise ModelError(
            f"{given.parent} holds no run with a model yet. Train one with 'lakesight train'."
        )
    siblings = [p.name for p in given.parent.iterdir()] if given.parent.is_dir() else []
    raise ModelError(
        f"there is no folder {given}. Give a run's folder, or runs/{LATEST}."
        + did_you_mean(given.name, siblings)
    )


def _runs_in(folder: Path) -> str:
    runs = sorted(file.parents[1].name for file in folder.glob(f"*/{BEST}/{FILE}"))
    return f" Runs with a model in it: {', '.join(runs[-5:])}." if runs else ""
