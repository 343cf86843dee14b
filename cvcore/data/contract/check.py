"""Looking at every record of every split. Torch-free."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice

import numpy as np

from cvcore.config.schema import DataConf
from cvcore.data.contract import source_rules
from cvcore.data.contract.image_facts import CORRUPT, TRUNCATED
from cvcore.data.contract.label_map_rules import mask_corrupt, segment_not_listed, value_unknown
from cvcore.data.contract.record_rules import Expected
from cvcore.data.contract.report import ContractReport, SplitFacts
from cvcore.data.contract.rule import Fault, Finding
from cvcore.data.contract.split_rules import Tally, check_categories, check_classes, check_split
from cvcore.data.contract.visit import Visit, visit
from cvcore.data.records import Split

SAMPLE = 200
"""Images of a split that are decoded even by the quick check, evenly spaced."""

_CHUNK = 32
_MAX_THREADS = 16
_ONLY_IN_PIXELS = {CORRUPT, TRUNCATED, mask_corrupt, value_unknown, segment_not_listed}


def check(
    splits: Mapping[str, Split],
    kind: str,
    conf: DataConf,
    progress: bool | None = None,
    decode_images: bool = True,
    done: Callable[[int], object] | None = None,
) -> ContractReport:
    """Hold every image and annotation against the rules; nothing is altered.

    Args:
        splits: what `open_splits` gave.
        kind: the task, one of `cvcore.config.schema.TASKS`.
        conf: the group `data`.
        progress: show a bar with the time left; None: on a terminal only.
        decode_images: decode every image and mask. Otherwise (start of a training) all
            annotations, headers and file ends are checked, and pixels of `SAMPLE` images per
            split; if those show a fault that only pixels show, all are decoded after all. What
            is then still missed is damage in the middle of a few files: reading such a file in
            training raises DataError that names it, under every policy.
        done: told how many more images were looked at, for a progress of one's own.

    Returns:
        All faults with their coordinates.
    """
    from tqdm import tqdm

    expected = expected_of(splits, kind, conf)
    total = sum(len(split) for split in splits.values())
    hide = None if progress is None else not progress
    seen: dict[str, _Seen] = {}
    with tqdm(total=total, unit="image", desc="checking", disable=hide, leave=False) as bar:
        for name, split in splits.items():
            seen[name] = _look_at(name, split, expected, decode_images, done or bar.update)
    tallies = {name: found.tally for name, found in seen.items()}
    categories = {name: split.categories for name, split in splits.items()}
    part = conf.max_train_samples is not None or conf.reader == "digits"
    faults = [
        *check_categories(categories),
        *check_classes(categories, tallies, part=part),
        *(fault for name in splits for fault in check_split(name, tallies[name])),
        *(fault for found in seen.values() for fault in found.faults),
        *source_rules.check_across(splits, {n: s.files for n, s in seen.items()}),
    ]
    return ContractReport(
        kind=kind,
        faults=tuple(faults),
        num_images={name: len(split) for name, split in splits.items()},
        num_annotations={name: found.num_annotations for name, found in seen.items()},
        num_decoded={name: found.num_decoded for name, found in seen.items()},
        facts={name: found.facts() for name, found in seen.items()},
    )


def expected_of(splits: Mapping[str, Split], kind: str, conf: DataConf) -> Expected:
    """Return what the records of these splits are held against."""
    categories = frozenset(c.source_id for split in splits.values() for c in split.categories)
    return Expected(kind, categories, conf.max_image_pixels)


@dataclass(slots=True)
class _Seen:
    """One split as it is visited, record by record."""

    split: str
    expected: Expected
    source: source_rules.SourceFaults
    faults: list[Fault] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)
    num_annotations: int = 0
    num_decoded: int = 0
    files: dict[str, int | str] = field(default_factory=dict)
    image_ids: dict[int | str, str] = field(default_factory=dict)
    annotation_ids: dict[int | str, str] = field(default_factory=dict)
    sizes: list[tuple[int, int]] = field(default_factory=list)
    grey: list[tuple[float, float]] = field(default_factory=list)
    digests: list[bytes | None] = field(default_factory=list)
    signatures: list[bytes | None] = field(default_factory=list)
    mask_values: defaultdict[int, list[int]] = field(
        default_factory=lambda: defaultdict(lambda: [0, 0])
    )

    def add(self, found: Visit) -> None:
        """Take the next record's visit; visits come in the order of the records."""
        findings = self.source.placed(found)
        findings += source_rules.check_identity(
            found, self.image_ids, self.files, self.annotation_ids
        )
        self.faults += [self._fault(found, f, i) for f, i in findings]
        self.num_annotations += found.num_annotations
        self.num_decoded += found.pixels
        tally = self.tally
        tally.images += 1
        tally.usable += not any(f.rule.drop == "image" for f, _ in findings)
        tally.objects.update(found.objects)
        for category in found.objects:
            tally.files.setdefault(category, found.file)
        tally.boxes += found.boxes[0]
        tally.corner_like += found.boxes[1]
        tally.beyond += found.boxes[2]
        tally.counted &= found.pixels or self.expected.kind != "semantic_segmentation"
        self.sizes.append(found.image.size_hw or (0, 0))
        grey = found.image.brightness, found.image.contrast
        self.grey.append(tuple(np.nan if v is None else v for v in grey))  # type: ignore[arg-type]
        self.digests.append(found.image.digest)
        self.signatures.append(found.image.signature)
        for value, count in found.mask_values.items():
            entry = self.mask_values[value]
            entry[0] += 1
            entry[1] += count

    def _fault(self, found: Visit, finding: Finding, annotation_id: int | str | None) -> Fault:
        return Fault(
            split=self.split,
            file=finding.file or found.file,
            image_id=found.image_id,
            annotation_id=annotation_id,
            field=finding.field,
            value=finding.value,
            rule=finding.rule.rule_id,
            severity=finding.rule.severity,
            suggestion=finding.rule.suggestion,
            index=found.index,
            position=finding.position,
        )

    def facts(self) -> SplitFacts:
        """Return what was seen, record by record."""
        grey_N2 = np.asarray(self.grey, np.float32).reshape(-1, 2)
        return SplitFacts(
            sizes_N2=np.asarray(self.sizes, np.int32).reshape(-1, 2),
            brightness_N=grey_N2[:, 0],
            contrast_N=grey_N2[:, 1],
            digests=self.digests,
            signatures=self.signatures,
            mask_values={v: (n[0], n[1]) for v, n in sorted(self.mask_values.items())},
        )


def _look_at(
    name: str, split: Split, expected: Expected, decode_images: bool, done: Callable[[int], object]
) -> _Seen:
    seen = _Seen(name, expected, source_rules.SourceFaults.of(name, split))
    early: dict[int, Visit] = {}
    everything = decode_images or len(split) <= SAMPLE
    if not everything:
        sample = np.linspace(0, len(split) - 1, SAMPLE).round().astype(int).tolist()
        early = {v.index: v for v in _visits(split, sample, expected, pixels=True)}
        everything = any(f.rule in _ONLY_IN_PIXELS for v in early.values() for f, _ in v.findings)
    rest = [i for i in range(len(split)) if i not in early]
    visits = _visits(split, rest, expected, pixels=everything)
    for index in range(len(split)):
        seen.add(early[index] if index in early else next(visits))
        done(1)
    seen.faults += seen.source.rest()
    return seen


def _visits(
    split: Split, indices: Sequence[int], expected: Expected, *, pixels: bool
) -> Iterator[Visit]:
    """Yield visits in order; files are read and decoded by threads, both without the GIL."""

    def visit_all(chunk: Sequence[int]) -> list[Visit]:
        return [visit(split, index, expected, pixels=pixels) for index in chunk]

    chunks = (indices[i : i + _CHUNK] for i in range(0, len(indices), _CHUNK))
    threads = min(_MAX_THREADS, 4 * (os.cpu_count() or 1))
    with ThreadPoolExecutor(threads) as pool:
        waiting: list[Future[list[Visit]]] = [
            pool.submit(visit_all, chunk) for chunk in islice(chunks, 2 * threads)
        ]
        while waiting:
            visits = waiting.pop(0).result()
            waiting += [pool.submit(visit_all, chunk) for chunk in islice(chunks, 1)]
            yield from visits
