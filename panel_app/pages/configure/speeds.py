"""How fast models were seen to train: from the runs of the ledger, never guessed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cvcore.config.catalogue import Entry
from launch.base import RunState
from panel_app.rows import Row


def speeds(rows: Iterable[Row], models: Sequence[Entry]) -> dict[str, tuple[float, str]]:
    """Return what the newest run of each model that told its speed had.

    Args:
        rows: runs, newest first.
        models: of the catalogue.

    Returns:
        By option: training images per second, and in words where and in which run.
    """
    by_name: dict[tuple[str, str], str] = {}
    for one in models:
        by_name[one.task, one.option] = one.option
        if one.checkpoint:
            by_name.setdefault((one.task, one.checkpoint), one.option)
    found: dict[str, tuple[float, str]] = {}
    for row in rows:
        option = by_name.get((row.task, row.model), "")
        if not option or option in found or not row.images_per_s:
            continue
        if row.state in (RunState.SUCCEEDED, RunState.RUNNING, RunState.CANCELED):
            found[option] = row.images_per_s, f"{_where(row.num_gpus)}, run {row.title}"
    return found


def _where(num_gpus: int | None) -> str:
    if num_gpus is None:
        return "device not known"
    return {0: "CPU", 1: "1 GPU"}.get(num_gpus, f"{num_gpus} GPUs")
