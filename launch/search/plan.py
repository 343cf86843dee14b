"""A search as its parent run in the ledger keeps it: nothing of it is anywhere else."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from launch import tags
from launch.errors import LaunchError, SubmitError
from launch.ledger_run import LedgerRun

SEARCH = "lakesight.search"
"""Tag of the parent: the plan as JSON."""
_TAG_LENGTH = 5000


@dataclass(frozen=True)
class Plan:
    """What is searched.

    Attributes:
        overrides: as they were written; some leave values open.
        metric: of MLflow that is compared, e.g. "best/AP".
        maximize: whether larger is better.
        trials: runs that are made.
        parallel: most of them at once.
        seed: of the choices.
        workdir: where relative paths of the configuration start.
    """

    overrides: tuple[str, ...]
    metric: str
    maximize: bool
    trials: int
    parallel: int
    seed: int
    workdir: str

    def tag(self) -> str:
        """Return it as the tag's text.

        Raises:
            SubmitError: it is too long for one.
        """
        text = json.dumps(asdict(self), ensure_ascii=False)
        if len(text) > _TAG_LENGTH:
            raise SubmitError(
                f"the overrides of the search are {len(text)} characters long; the ledger keeps "
                f"{_TAG_LENGTH}. Put the fixed ones into a recipe and give experiment=<its name>."
            )
        return text


def is_search(run: LedgerRun) -> bool:
    """Return whether a run is the parent of a search's trials."""
    return SEARCH in run.tags


def plan_of(run: LedgerRun) -> Plan:
    """Return the plan of a search.

    Raises:
        LaunchError: it is none, or of a version that is not known here.
    """
    try:
        values = json.loads(run.tags[SEARCH])
        return Plan(**{**values, "overrides": tuple(values["overrides"])})
    except (KeyError, TypeError, ValueError) as error:
        raise LaunchError(f"{run.title} is no search that can be gone on with ({error}).") from None


def folder_of(run: LedgerRun) -> Path:
    """Return the folder of a search: its trials' folders, its log and its lock."""
    return Path(run.tags[tags.FOLDER])
