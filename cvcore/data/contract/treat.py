"""What the policies drop and repair do to records; lazily, record by record. Torch-free."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvcore.data.contract import box_rules
from cvcore.data.contract.label_map_rules import (
    counted,
    segment_area,
    segment_not_listed,
    value_unknown,
)
from cvcore.data.contract.record_rules import Expected, size_declared
from cvcore.data.contract.report import ContractReport, Treatment
from cvcore.data.contract.rule import RULES, Fault
from cvcore.data.contract.treat_images import (
    with_known_values,
    with_listed_segments,
    with_true_size,
)
from cvcore.data.contract.treat_objects import Policy, from_segmentation, treat_object
from cvcore.data.images import decode_panoptic
from cvcore.data.records import Annotation, Category, Record, Split


@dataclass(frozen=True, eq=False)
class TreatedSplit:
    """A split without what breaks the contract; records are treated when they are asked for.

    Attributes:
        split: the split as it was read.
        kept_N: int64 [N], its records that stay.
        broken: record -> its faults, where the record changes.
        expected: what records are held against.
        policy: drop or repair.
    """

    split: Split
    kept_N: NDArray[np.int64]
    broken: Mapping[int, Sequence[Fault]]
    expected: Expected
    policy: Policy

    @property
    def name(self) -> str:
        """The split's name."""
        return self.split.name

    @property
    def categories(self) -> Sequence[Category]:
        """What the split declares; a class stays when its objects go."""
        return self.split.categories

    @property
    def files(self) -> Sequence[Path]:
        """Annotation files read."""
        return self.split.files

    def __len__(self) -> int:
        return len(self.kept_N)

    def __getitem__(self, index: int) -> Record:
        source = int(self.kept_N[index])
        record = self.split[source]
        if source not in self.broken:
            return record
        treated = treat_record(record, self.broken[source], self.expected, self.policy)
        assert treated is not None
        return treated


def treat(
    splits: Mapping[str, Split], report: ContractReport, expected: Expected, policy: Policy
) -> tuple[dict[str, Split], tuple[Treatment, ...]]:
    """Return the splits that a policy leaves, and what it did about each fault.

    Args:
        splits: those that were checked.
        report: what the check found.
        expected: what it held them against.
        policy: drop or repair.
    """
    treated: dict[str, Split] = {}
    treatments: list[Treatment] = []
    for name, split in splits.items():
        by_record = _by_record(fault for fault in report.faults if fault.split == name)
        gone: list[int] = []
        changed: dict[int, Sequence[Fault]] = {}
        for index, faults in by_record.items():
            if policy == "drop" and any(RULES[f.rule].drop == "image" for f in faults):
                record = after = None
            elif not any(acted_on(fault, policy) for fault in faults):
                continue
            else:
                record = split[index]
                after = treat_record(record, faults, expected, policy)
            if after is None:
                gone.append(index)
            elif after != record:
                changed[index] = faults
            treatments += _told(faults, record, after, policy)
        # Rows that the reader could not hold are gone, and no longer told of a treated split.
        lost = any(f.split == name and f.index is None for f in report.faults)
        if not gone and not changed and not lost:
            treated[name] = split
            continue
        kept_N = np.setdiff1d(np.arange(len(split)), gone)
        treated[name] = TreatedSplit(split, kept_N, changed, expected, policy)
    treatments += [
        Treatment(fault, "annotation left out", before=fault.value)
        for fault in report.faults
        if fault.index is None and RULES[fault.rule].drop == "annotation"
    ]
    return treated, tuple(treatments)


def treat_record(
    record: Record, faults: Sequence[Fault], expected: Expected, policy: Policy
) -> Record | None:
    """Return a record without its faults, or None where the whole image is left out."""
    rules = {fault.rule for fault in faults}
    if any(
        RULES[r].drop == "image" and not (policy == "repair" and RULES[r].repair) for r in rules
    ):
        return None
    record = _treat_objects(record, faults, expected, policy)
    if record.segments:
        record = _treat_segments(record, faults, expected, policy)
    if size_declared.rule_id in rules:
        sized = with_true_size(record, expected.max_pixels)
        if sized is None:
            return None
        record = sized
    if value_unknown.rule_id in rules:
        record = with_known_values(record, expected.category_ids, expected.max_pixels)
    return record


def _treat_objects(
    record: Record, faults: Sequence[Fault], expected: Expected, policy: Policy
) -> Record:
    broken: defaultdict[int, set[str]] = defaultdict(set)
    for fault in faults:
        if fault.position is not None and acted_on(fault, policy):
            broken[fault.position].add(fault.rule)
    if not record.annotations or not broken:
        return record
    size_hw = record.size_hw or _size_of(record, expected)
    treated = [
        annotation
        if position not in broken
        else _treat_object(annotation, broken[position], expected, size_hw, policy)
        for position, annotation in enumerate(record.annotations)
    ]
    return replace(record, annotations=tuple(a for a in treated if a is not None))


def _treat_object(
    annotation: Annotation,
    rules: set[str],
    expected: Expected,
    size_hw: tuple[int, int] | None,
    policy: Policy,
) -> Annotation | None:
    lost = any(RULES[r].drop == "annotation" and not RULES[r].repair for r in rules)
    if lost or (policy == "drop" and any(RULES[r].drop == "annotation" for r in rules)):
        return None
    if box_rules.malformed.rule_id in rules:
        boxed = from_segmentation(annotation, size_hw)
        if boxed is None:
            return None
        annotation = boxed
    return treat_object(annotation, expected, size_hw, policy)


def _treat_segments(
    record: Record, faults: Sequence[Fault], expected: Expected, policy: Policy
) -> Record:
    """Leave segments out, and unlabel their pixels; count areas again."""
    gone = {f.position for f in faults if RULES[f.rule].drop == "annotation"} - {None}
    unlisted = any(f.rule == segment_not_listed.rule_id for f in faults)
    kept = [s for position, s in enumerate(record.segments) if position not in gone]
    if policy == "repair" and any(f.rule == segment_area.rule_id for f in faults):
        assert record.mask is not None
        areas = counted(decode_panoptic(record.mask, expected.max_pixels))
        kept = [replace(s, area=float(areas[s.segment_id])) for s in kept]
    record = replace(record, segments=tuple(kept))
    whole = expected.kind in ("panoptic_segmentation", "semantic_segmentation")
    if whole and (gone or unlisted):
        record = with_listed_segments(record, expected.max_pixels)
    return record


def _size_of(record: Record, expected: Expected) -> tuple[int, int] | None:
    from cvcore.data.images import header_size
    from cvcore.errors import DataError

    try:
        return header_size(record.image, expected.max_pixels)
    except DataError:
        return None


def _by_record(faults: Iterator[Fault]) -> dict[int, list[Fault]]:
    found: dict[int, list[Fault]] = {}
    for fault in faults:
        if fault.index is not None:
            found.setdefault(fault.index, []).append(fault)
    return dict(sorted(found.items()))


def acted_on(fault: Fault, policy: Policy) -> bool:
    """Return whether a policy does something about a fault of a record."""
    return fault.severity == "error" or (policy == "repair" and bool(RULES[fault.rule].repair))


def _told(
    faults: Sequence[Fault], record: Record | None, after: Record | None, policy: Policy
) -> Iterator[Treatment]:
    for fault in faults:
        if not acted_on(fault, policy):
            continue
        if record is None or after is None:
            yield Treatment(fault, "image left out", before=fault.value)
        elif fault.position is None:
            unlabelled = fault.field == "mask"
            new = None if unlabelled else _plain_size(after)
            action = "pixels unlabelled" if unlabelled else "repaired"
            yield Treatment(fault, action, before=fault.value, after=new)
        else:
            yield _told_object(fault, record, after)


def _told_object(fault: Fault, record: Record, after: Record) -> Treatment:
    """Return what became of one object or segment; those kept are found by their order and id."""
    assert fault.position is not None
    before: Sequence[Any] = record.annotations or record.segments
    now: Sequence[Any] = after.annotations if record.annotations else after.segments
    id_of = (lambda a: a.annotation_id) if record.annotations else (lambda s: s.segment_id)
    own = id_of(before[fault.position])
    earlier = sum(id_of(item) == own for item in before[: fault.position])
    found = [item for item in now if id_of(item) == own][earlier:]
    if not found:
        return Treatment(fault, "annotation left out", before=fault.value)
    return Treatment(fault, "repaired", before=fault.value, after=_value_of(found[0], fault.field))


def _value_of(item: Any, field: str) -> Any:
    names = {"bbox": "bbox_xywh", "id": "annotation_id"}
    value = getattr(item, names.get(field, field.split("[")[0]), None)
    return list(value) if isinstance(value, tuple) else value


def _plain_size(record: Record) -> str | None:
    return None if record.size_hw is None else f"{record.size_hw[1]} x {record.size_hw[0]}"
