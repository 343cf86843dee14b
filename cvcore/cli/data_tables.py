"""What `lakesight data inspect` prints: faults, statistics, copies, as lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from cvcore.cli.models import table
from cvcore.data.contract import RULES, ContractReport
from cvcore.data.contract.rule import short
from cvcore.data.statistics import SplitStatistics, Spread, Statistics

SHOWN_FAULTS = 10
SHOWN_CLASSES = 30
SHOWN_COPIES = 5


def fault_lines(report: ContractReport) -> list[str]:
    """Return the faults by rule: the demand, the fix, then where, at most ten each."""
    lines: list[str] = []
    for rule_id, faults in report.by_rule():
        broken = RULES[rule_id]
        lines.append(f"{broken.severity} {rule_id} ({len(faults):,}): {broken.statement}")
        lines += [f"  fix: {text}" for text in dict.fromkeys(f.suggestion for f in faults)]
        rows = []
        for fault in faults[:SHOWN_FAULTS]:
            own = fault.annotation_id
            annotation = "" if own is None else f"annotation {own}"
            rows.append(
                ["", fault.file or fault.split, annotation, f"{fault.field} = {short(fault.value)}"]
            )
        lines += table(rows)
        if len(faults) > SHOWN_FAULTS:
            lines.append(f"  ... and {len(faults) - SHOWN_FAULTS:,} more")
        lines.append("")
    return lines[:-1]


def statistics_lines(found: Statistics) -> list[str]:
    """Return classes, then sizes and boxes, one column per split."""
    return [*_classes(found), "", *table(list(_facts(found.splits)))]


def copies_lines(found: Statistics) -> list[str]:
    """Return leaks between splits and the groups of duplicates."""
    lines = [
        f"leak: images of {split} with a copy in {other}: {number:,}"
        for (split, other), number in found.leaks.items()
    ]
    for kind in ("exact", "near"):
        groups = [group for group in found.copies if group.kind == kind]
        if groups:
            lines.append(f"groups of {kind} duplicates: {len(groups):,}")
        lines += [
            "  " + ", ".join(f"{split}: {file}" for split, _, file in group.images[:4])
            for group in groups[:SHOWN_COPIES]
        ]
    return lines or ["duplicates: none"]


def _classes(found: Statistics) -> list[str]:
    names = list(found.splits)
    first = next(iter(found.splits.values()))
    by_pixels = any(c.pixels is not None for s in found.splits.values() for c in s.classes)
    unit = "images / share of pixels" if by_pixels else "objects / images"
    rows: list[Sequence[str]] = [("class", *(f"{name} ({unit})" for name in names))]
    for i, each in enumerate(first.classes[:SHOWN_CLASSES]):
        rows.append((each.label, *(_count(split, i) for split in found.splits.values())))
    lines = table(rows)
    if len(first.classes) > SHOWN_CLASSES:
        lines.append(f"... and {len(first.classes) - SHOWN_CLASSES:,} more classes")
    return lines


def _count(split: SplitStatistics, index: int) -> str:
    each = split.classes[index]
    if each.pixels is None:
        return f"{each.objects:,} / {each.images:,}"
    total = sum(c.pixels or 0 for c in split.classes)
    return f"{each.images:,} / {each.pixels / total:.1%}"


def _facts(splits: Mapping[str, SplitStatistics]) -> Iterator[Sequence[str]]:
    found = list(splits.values())
    yield ("5th to 95th percentile", *splits)
    yield ("images", *(f"{s.num_images:,}" for s in found))
    yield ("without object", *(f"{s.num_without:,}" for s in found))
    yield ("width, px", *(_range(s.width) for s in found))
    yield ("height, px", *(_range(s.height) for s in found))
    yield ("width / height", *(_range(s.aspect, 2) for s in found))
    if any(s.objects_per_image for s in found):
        yield ("objects per image", *(_range(s.objects_per_image) for s in found))
    if any(s.box_side for s in found):
        yield ("box side, px", *(_range(s.box_side) for s in found))
        yield ("box side / image side", *(_range(s.box_share, 2) for s in found))
        sizes = ("small", "medium", "large")
        yield (
            "boxes small/medium/large",
            *("/".join(f"{s.boxes_by_size[size]:,}" for size in sizes) for s in found),
        )
    yield ("brightness, 0..255", *(_range(s.brightness) for s in found))


def _range(spread: Spread | None, digits: int = 0) -> str:
    if spread is None:
        return "-"
    if spread.least == spread.most:
        return f"{spread.most:.{digits}f}"
    return f"{spread.p5:.{digits}f} .. {spread.p95:.{digits}f}"
