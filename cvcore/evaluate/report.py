"""The report of an evaluation: a folder of small JSON and CSV files and a page. Torch-free.

report.json       figures with intervals, and the certificate: how they were made
per_class.json    figures of each class (per_class.csv: the same for a spreadsheet)
pr_curves.json    precision by recall (detection, instances)
confusion.json    what was taken for what
errors.json       kinds of error by class, or the most confused pairs
worst.json        the images that went worst; pictures in worst/
latency.json      how fast the model is, where it was measured
predictions.jsonl.gz   every prediction (see `predictions`)
truths.jsonl.gz        what is true of every image (see `truths`)
state.npz         what the figures are computed from (see `kept`)
index.html        all of it on one page that needs nothing else
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cvcore.evaluate.analysis import Analysis
from cvcore.evaluate.bootstrap import Interval
from cvcore.evaluate.names import describe
from cvcore.evaluate.page import page

FORMAT = 1
SUMMARY = "report.json"
LATENCY = "latency.json"
PAGE = "index.html"


@dataclass(frozen=True)
class Report:
    """Outcome of one evaluation.

    Attributes:
        task: one of `cvcore.config.schema.TASKS`.
        split: train, val or test.
        primary: the figure by which models are compared.
        metrics: figures by key; NaN where undefined.
        per_class: class name -> figures.
        certificate: how the figures were made.
        intervals: of the main figures.
        analysis: what lies behind the figures.
        worst: rows of the images that went worst.
        folder: where it is written.
    """

    task: str
    split: str
    primary: str
    metrics: dict[str, float]
    per_class: dict[str, dict[str, float]]
    certificate: dict[str, Any]
    intervals: dict[str, Interval] = field(default_factory=dict)
    analysis: Analysis = field(default_factory=lambda: Analysis({}, ""))
    worst: list[dict[str, Any]] = field(default_factory=list)
    folder: Path = Path()

    @property
    def thresholds(self) -> dict[str, float]:
        """Score thresholds of best F1 by class name; empty where a task has no scores."""
        return self.analysis.thresholds

    def summary(self) -> dict[str, Any]:
        """Return what `report.json` holds."""
        return {
            "format": FORMAT,
            "task": self.task,
            "split": self.split,
            "primary": self.primary,
            "metrics": {key: self._figure(key, value) for key, value in self.metrics.items()},
            "thresholds": self.thresholds,
            "certificate": self.certificate,
        }

    def _figure(self, key: str, value: float) -> dict[str, Any]:
        name = describe(key)
        row: dict[str, Any] = {
            "value": value,
            "unit": name.unit,
            "greater_is_better": name.greater_is_better,
            "description": name.description,
        }
        if key in self.intervals:
            row |= {"low": self.intervals[key].low, "high": self.intervals[key].high}
        return row


def begin(folder: Path) -> None:
    """Take away what makes a folder a whole report, before its first file is replaced.

    The summary is written last: a folder without it is not a whole report. Speed is measured after
    the report, if at all.
    """
    for name in (SUMMARY, LATENCY, PAGE):
        (folder / name).unlink(missing_ok=True)


def write(report: Report) -> None:
    """Write all files of a report into its folder (see `begin`), except pictures and predictions."""
    folder, analysis = report.folder, report.analysis
    _write_json(folder / "per_class.json", report.per_class)
    _write_csv(folder / "per_class.csv", report.per_class)
    _write_json(folder / "pr_curves.json", analysis.curves)
    _write_json(folder / "confusion.json", analysis.confusion)
    _write_json(folder / "errors.json", analysis.errors)
    _write_json(folder / "worst.json", {"score": analysis.image_score_name, "images": report.worst})
    (folder / PAGE).write_text(page(report), encoding="utf-8")
    _write_json(folder / SUMMARY, report.summary())


def add_cost(report: Report, cost: Mapping[str, Any]) -> None:
    """Add what the model costs (`latency.Cost` as a dictionary): latency.json and the page."""
    _write_json(report.folder / LATENCY, cost)
    (report.folder / PAGE).write_text(page(report, cost), encoding="utf-8")


def plain(value: Any) -> Any:
    """Return a value with None instead of NaN and infinity, which JSON does not have."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(item) for item in value]
    return value


def _write_json(path: Path, value: Any) -> None:
    part = path.with_name(f"{path.name}.part")
    part.write_text(json.dumps(plain(value), indent=1, allow_nan=False), encoding="utf-8")
    part.replace(path)


def _write_csv(path: Path, per_class: Mapping[str, Mapping[str, float]]) -> None:
    columns = list(dict.fromkeys(key for row in per_class.values() for key in row))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["class", *columns])
        for name, row in per_class.items():
            values = [plain(row.get(key)) for key in columns]
            writer.writerow([_no_formula(name), *values])


def _no_formula(text: str) -> str:
    """Return a name that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
