"""`lakesight data inspect`: faults with their coordinates, statistics, a repaired copy."""

from __future__ import annotations

import argparse
import csv
import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cvcore.cli.data_task import load_data
from cvcore.errors import DataError

if TYPE_CHECKING:
    from cvcore.data.contract import ContractReport, Treatment
    from cvcore.data.convert import ConvertReport

COLUMNS = (
    "severity",
    "rule",
    "split",
    "file",
    "image_id",
    "annotation_id",
    "field",
    "value",
    "demand",
    "suggestion",
)
"""Columns of findings.csv."""


def run(args: argparse.Namespace) -> int:
    """Check, tell, write; returns 0, or 1 where errors were found.

    Raises:
        LakesightError: the configuration or the data set can't be read, or something can't be
            written.
    """
    config = load_data(args.overrides)
    _require_new(args.repair_to)

    from cvcore.cli.data_tables import copies_lines, fault_lines, statistics_lines
    from cvcore.data.contract import check, write_repaired
    from cvcore.data.labels import LabelSpace
    from cvcore.data.readers import open_splits
    from cvcore.data.statistics import statistics

    kind = config.task.kind
    splits = open_splits(config.data, kind)
    report = check(splits, kind, config.data, decode_images=not args.quick)
    found = None
    if not any(f.rule in ("category-two-names", "category-two-ids") for f in report.errors):
        labels = LabelSpace.over(split.categories for split in splits.values())
        found = statistics(splits, report, labels)
    written = None
    if args.repair_to is not None:
        how = "link" if args.link else "copy"
        written = write_repaired(splits, report, config.data, args.repair_to, how)
    content = report.to_dict() | {"statistics": None if found is None else found.to_dict()}
    if written is not None:
        content |= _of_copy(*written)
    if args.out is not None:
        _write(args.out, report, content)
    if args.json:
        print(json.dumps(content, indent=1))
        return 0 if report.ok else 1
    print(f"{kind}: {report.sentence()}")
    blocks = [fault_lines(report)]
    if found is not None:
        blocks += [statistics_lines(found), copies_lines(found)]
    for lines in blocks:
        print("".join(f"\n{line}" for line in lines), end="\n" if lines else "")
    _say_where(args, report, written)
    return 0 if report.ok else 1


def _require_new(folder: Path | None) -> None:
    """Refuse a folder for the copy before the minutes that a check can take."""
    if folder is not None and folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(
            f"{folder} exists and is not empty. Give a new folder; nothing is overwritten."
        )


def _of_copy(written: ConvertReport, treatments: tuple[Treatment, ...]) -> dict[str, Any]:
    return {
        "treatments": [treatment.to_dict() for treatment in treatments],
        "repaired": {"out": str(written.out), "overrides": list(written.overrides)},
    }


def _write(folder: Path, report: ContractReport, content: dict[str, Any]) -> None:
    from cvcore.data.contract import RULES
    from cvcore.data.contract.rule import short

    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "report.json").write_text(json.dumps(content, indent=1))
        with (folder / "findings.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS, extrasaction="ignore")
            writer.writeheader()
            for fault in report.faults:
                row = fault.to_dict() | {"value": short(fault.value, 500)}
                writer.writerow(row | {"demand": RULES[fault.rule].statement})
    except OSError as error:
        raise DataError(
            f"--out {folder} can't be written ({error.strerror}). Give another folder."
        ) from error


def _say_where(
    args: argparse.Namespace,
    report: ContractReport,
    written: tuple[ConvertReport, tuple[Treatment, ...]] | None,
) -> None:
    if args.out is not None:
        print(f"\nall {len(report.faults):,} findings: {args.out / 'findings.csv'}, ", end="")
        print(f"with statistics: {args.out / 'report.json'}")
    elif report.faults:
        print("\n--out DIR writes all findings as CSV and JSON.", file=sys.stderr)
    if written is not None:
        from cvcore.data.contract.apply import said

        print(f"\nrepaired copy: {written[0].out} ({said(written[1])})")
        words = shlex.join([f"task={report.kind}", *written[0].overrides])
        print(f"use it: lakesight train {words}")
    elif not report.ok:
        print("--repair-to DIR writes a repaired copy; the originals stay.", file=sys.stderr)
