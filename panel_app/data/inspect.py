"""Holds a data set against its contract and writes what was found beside its index. In a worker.

inspection/
  report.json        counts, rules, statistics, copies: what pages show at once
  faults.jsonl       a fault per line; faults.npz says where each begins, its row, rule and severity
  findings.csv       the same for a table program
  masks.npz          classes of each label mask (semantic segmentation)
Letters: N = images of all splits, F = faults, K = classes.
"""

from __future__ import annotations

import csv
import json
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from cvcore.config.schema import DataConf
from cvcore.data.contract import RULES, ContractReport, check, write_repaired
from cvcore.data.contract.apply import said
from cvcore.data.contract.rule import short
from cvcore.data.fingerprint import fingerprint
from cvcore.data.images import decode_mask
from cvcore.data.labels import LabelSpace
from cvcore.data.readers import open_splits
from cvcore.data.records import Split
from cvcore.data.statistics import statistics
from cvcore.errors import DataError
from panel_app.data.histograms import histograms
from panel_app.data.index import Index
from panel_app.data.inspection import SEVERITIES
from panel_app.data.write_index import Tell

_CLASHES = ("category-two-names", "category-two-ids")
_COLUMNS = (
    *("severity", "rule", "split", "file", "image_id", "annotation_id", "field", "value"),
    *("demand", "suggestion"),
)


def write_inspection(data: DataConf, kind: str, folder: Path, tell: Tell) -> None:
    """Inspect a data set whose index is in a folder; a finished inspection replaces an older one.

    Raises:
        DataError: the data set can't be read.
    """
    begun_s = time.time()
    tell("reading the annotations", 0, 0)
    splits = open_splits(data, kind)
    report = check(splits, kind, data, progress=False, done=_counting(splits, tell, "checking"))
    index = Index(folder)
    draft = folder / ".inspection"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir()
    content = report.to_dict()
    del content["faults"], content["treatments"]
    content |= {"statistics": None, "fingerprint": None, "copies": [], "leaks": []}
    tell("statistics", 0, 0)
    if not any(fault.rule in _CLASHES for fault in report.errors):
        labels = LabelSpace.over(split.categories for split in splits.values())
        found = statistics(splits, report, labels)
        said_all = found.to_dict()
        content["statistics"] = said_all["splits"]
        content["leaks"] = said_all["leaks"]
        content["copies"] = [
            {
                "kind": group.kind,
                "leak": group.leak,
                "rows": index.rows_of([(split, own) for split, own, _ in group.images]),
            }
            for group in found.copies
        ]
        tell("fingerprint", 0, 0)
        content["fingerprint"] = fingerprint(splits, labels)
    content["histograms"] = histograms(index, report.facts)
    _write_faults(report, index, draft)
    if kind == "semantic_segmentation":
        _write_mask_classes(splits, index, draft, tell)
    content["inspected_at"] = time.time()
    content["took_s"] = time.time() - begun_s
    (draft / "report.json").write_text(json.dumps(content))
    old = folder / ".old-inspection"
    shutil.rmtree(old, ignore_errors=True)
    if (folder / "inspection").exists():
        (folder / "inspection").rename(old)
    draft.rename(folder / "inspection")
    shutil.rmtree(old, ignore_errors=True)


def write_copy(data: DataConf, kind: str, out: Path, link: bool, tell: Tell) -> dict[str, Any]:
    """Write a repaired copy to a new folder and hold it against the contract again.

    Returns:
        What was written and what the copy's own check says.

    Raises:
        DataError: as `cvcore.data.contract.write_repaired`.
    """
    tell("reading the annotations", 0, 0)
    splits = open_splits(data, kind)
    report = check(splits, kind, data, progress=False, done=_counting(splits, tell, "checking"))
    tell("writing the copy", 0, 0)
    written, treatments = write_repaired(splits, report, data, out, "link" if link else "copy")
    from cvcore.config.composer import load

    conf = load([f"task={kind}", *written.overrides])
    again = open_splits(conf.data, kind)
    counting = _counting(again, tell, "checking the copy")
    after = check(again, kind, conf.data, progress=False, done=counting)
    return {
        "out": str(written.out),
        "overrides": [f"task={kind}", *written.overrides],
        "done": said(treatments),
        "ok": after.ok,
        "sentence": after.sentence(),
    }


def _counting(splits: Mapping[str, Split], tell: Tell, phase: str) -> Callable[[int], None]:
    total = sum(len(split) for split in splits.values())
    lock = threading.Lock()
    seen = [0]

    def done(number: int) -> None:
        with lock:
            seen[0] += number
            tell(phase, seen[0], total)

    return done


def _write_faults(report: ContractReport, index: Index, out: Path) -> None:
    rules = sorted({fault.rule for fault in report.faults})
    rank = {rule: number for number, rule in enumerate(rules)}
    # Errors first; of one rule in the order of the images.
    faults = [fault for _, same in report.by_rule() for fault in same]
    ends, rows = [], []
    with (
        (out / "faults.jsonl").open("wb") as lines,
        (out / "findings.csv").open("w", newline="", encoding="utf-8") as table,
    ):
        writer = csv.DictWriter(table, _COLUMNS, extrasaction="ignore")
        writer.writeheader()
        for fault in faults:
            row = None if fault.index is None else index.row(fault.split, fault.index)
            values = fault.to_dict()
            values["value"] = short(fault.value, 200)
            lines.write(json.dumps(values).encode() + b"\n")
            ends.append(lines.tell())
            rows.append(-1 if row is None else row)
            writer.writerow(values | {"demand": RULES[fault.rule].statement})
    splits = index.splits
    np.savez(
        out / "faults.npz",
        ends_F=np.asarray(ends, np.int64),
        rows_F=np.asarray(rows, np.int32),
        rules_F=np.asarray([rank[fault.rule] for fault in faults], np.int32),
        severities_F=np.asarray([SEVERITIES.index(f.severity) for f in faults], np.int8),
        splits_F=np.asarray(
            [splits.index(f.split) if f.split in splits else -1 for f in faults], np.int8
        ),
        rules=np.asarray(rules),
    )


def _write_mask_classes(splits: Mapping[str, Split], index: Index, out: Path, tell: Tell) -> None:
    """Write which classes each label mask has, so that images can be found by them."""
    index_of = index.labels.index_of
    counted = _counting(splits, tell, "classes of the masks")

    def classes_of(split: Split, place: int) -> list[int]:
        try:
            record = split[place]
            if record.segments:
                found = [segment.source_category for segment in record.segments]
            else:
                assert record.mask is not None
                found = np.unique(decode_mask(record.mask)).tolist()
        except (DataError, OSError, AssertionError):
            found = []
        counted(1)
        return sorted({index_of[one] for one in found if one in index_of})

    classes: list[int] = []
    ends: list[int] = []
    with ThreadPoolExecutor(2) as threads:
        for split in splits.values():
            for found in threads.map(lambda i, s=split: classes_of(s, i), range(len(split))):
                classes += found
                ends.append(len(classes))
    np.savez(
        out / "masks.npz",
        classes_M=np.asarray(classes, np.int32),
        ends_N=np.asarray(ends, np.int64),
    )
