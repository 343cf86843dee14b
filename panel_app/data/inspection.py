"""A finished inspection, read from disk: the report at once, faults by pages."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

SEVERITIES = ("error", "warning", "info")


@dataclass(frozen=True)
class Wanted:
    """Which findings are shown; an empty field wants all."""

    rule: str = ""
    severity: str = ""
    split: str = ""
    row: int | None = None


class Inspection:
    """What a worker found of a data set.

    Attributes:
        report: counts, rules, statistics, histograms, copies.
        num_faults: findings of all severities.
    """

    def __init__(self, folder: Path, splits: list[str], num_rows: int) -> None:
        """Read it.

        Raises:
            OSError, ValueError, KeyError: it is not there, or not whole.
        """
        self.folder = folder
        self.report: dict[str, Any] = json.loads((folder / "report.json").read_text())
        arrays = np.load(folder / "faults.npz")
        self._ends_F: NDArray[np.int64] = arrays["ends_F"]
        self._rows_F: NDArray[np.int32] = arrays["rows_F"]
        self._rules_F: NDArray[np.int32] = arrays["rules_F"]
        self._severities_F: NDArray[np.int8] = arrays["severities_F"]
        self._splits_F: NDArray[np.int8] = arrays["splits_F"]
        self._rules: list[str] = arrays["rules"].tolist()
        self._splits = splits
        self._num_rows = num_rows

    @property
    def num_faults(self) -> int:
        """Findings of all severities."""
        return len(self._rows_F)

    def count(self, severity: str) -> int:
        """Return how many findings have a severity."""
        return int((self._severities_F == SEVERITIES.index(severity)).sum())

    @cached_property
    def faults_by_row(self) -> NDArray[np.int32]:
        """Errors and warnings of each image, int32 [N]."""
        kept = (self._rows_F >= 0) & (self._severities_F < SEVERITIES.index("info"))
        return np.bincount(self._rows_F[kept], minlength=self._num_rows).astype(np.int32)

    @cached_property
    def mask_classes(self) -> tuple[NDArray[np.int32], NDArray[np.int64]] | None:
        """Classes of all label masks and where each image's end; None without label masks."""
        path = self.folder / "masks.npz"
        if not path.exists():
            return None
        arrays = np.load(path)
        return arrays["classes_M"], arrays["ends_N"]

    def find(self, wanted: Wanted) -> NDArray[np.intp]:
        """Return the places of findings."""
        kept_F = np.ones(self.num_faults, np.bool_)
        if wanted.rule:
            known = wanted.rule in self._rules
            kept_F &= self._rules_F == (self._rules.index(wanted.rule) if known else -1)
        if wanted.severity in SEVERITIES:
            kept_F &= self._severities_F == SEVERITIES.index(wanted.severity)
        if wanted.split in self._splits:
            kept_F &= self._splits_F == self._splits.index(wanted.split)
        if wanted.row is not None:
            kept_F &= self._rows_F == wanted.row
        return np.flatnonzero(kept_F)

    def faults(self, places: NDArray[np.intp]) -> list[dict[str, Any]]:
        """Return findings, each with the `row` of its image or None."""
        found = []
        with (self.folder / "faults.jsonl").open("rb") as file:
            for place in places.tolist():
                start = int(self._ends_F[place - 1]) if place else 0
                file.seek(start)
                fault = json.loads(file.read(int(self._ends_F[place]) - start))
                row = int(self._rows_F[place])
                found.append(fault | {"row": row if row >= 0 else None})
        return found
