"""What a check found: faults, and what was seen on the way. Torch-free."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvcore.data.contract.rule import RULES, Fault, Severity, json_able


@dataclass(frozen=True, slots=True)
class SplitFacts:
    """What was seen of one split; row i is record i.

    Attributes:
        sizes_N2: int32 [N, 2], (height, width) of each image, pixels; 0, 0 where unreadable.
        brightness_N: float32 [N], mean grey value 0..255; NaN where not decoded.
        contrast_N: float32 [N], standard deviation of grey values; NaN where not decoded.
        digests: SHA-256 of each file; None where not decoded.
        signatures: picture hash of each image; None where not decoded or without structure.
        mask_values: for label masks: id -> (images, pixels).
    """

    sizes_N2: NDArray[np.int32]
    brightness_N: NDArray[np.float32]
    contrast_N: NDArray[np.float32]
    digests: Sequence[bytes | None]
    signatures: Sequence[bytes | None]
    mask_values: Mapping[int, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Treatment:
    """What a policy did about a fault.

    Attributes:
        fault: the fault.
        action: "annotation left out", "image left out", "repaired" or "pixels unlabelled".
        before: the value that was.
        after: the value that is now, or None.
    """

    fault: Fault
    action: str
    before: Any = None
    after: Any = None

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able form."""
        return {
            "fault": self.fault.to_dict(),
            "action": self.action,
            "before": json_able(self.before),
            "after": json_able(self.after),
        }


@dataclass(frozen=True, slots=True)
class ContractReport:
    """What a check found.

    Attributes:
        kind: the task.
        faults: in the order of splits, images and annotations; of whole splits first.
        num_images: images per split.
        num_annotations: objects (segments, images with a class) per split.
        num_decoded: images whose pixels were looked at, per split; else header and end only.
        facts: what was seen of each split.
        treatments: what a policy did; empty after a plain check.
    """

    kind: str
    faults: tuple[Fault, ...]
    num_images: Mapping[str, int]
    num_annotations: Mapping[str, int]
    num_decoded: Mapping[str, int]
    facts: Mapping[str, SplitFacts]
    treatments: tuple[Treatment, ...] = field(default=())

    def of(self, severity: Severity) -> list[Fault]:
        """Return the faults of one severity."""
        return [fault for fault in self.faults if fault.severity == severity]

    @property
    def errors(self) -> list[Fault]:
        """The faults that policies act on."""
        return self.of("error")

    @property
    def ok(self) -> bool:
        """Whether there is no error."""
        return not self.errors

    def by_rule(self) -> Iterator[tuple[str, list[Fault]]]:
        """Yield rule id and faults: errors first, then by number."""
        groups: dict[str, list[Fault]] = {}
        for fault in self.faults:
            groups.setdefault(fault.rule, []).append(fault)
        rank = {"error": 0, "warning": 1, "info": 2}
        yield from sorted(groups.items(), key=lambda g: (rank[g[1][0].severity], -len(g[1]), g[0]))

    def counts(self) -> dict[str, int]:
        """Return rule id -> number of faults."""
        return dict(Counter(fault.rule for fault in self.faults))

    def sentence(self) -> str:
        """Return one line: how much was checked and what was found."""
        images, objects = sum(self.num_images.values()), sum(self.num_annotations.values())
        found = ", ".join(
            f"{number} {severity}{'s' if number != 1 and severity != 'info' else ''}"
            for severity in ("error", "warning", "info")
            if (number := len(self.of(severity)))
        )
        return f"{images:,} images, {objects:,} annotations: {found or 'no fault'}"

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able form, without `facts`."""
        return {
            "kind": self.kind,
            "num_images": dict(self.num_images),
            "num_annotations": dict(self.num_annotations),
            "num_decoded": dict(self.num_decoded),
            "counts": self.counts(),
            "rules": {
                rule_id: {
                    "statement": RULES[rule_id].statement,
                    "severity": RULES[rule_id].severity,
                    "repair": RULES[rule_id].repair,
                    "suggestion": RULES[rule_id].suggestion,
                }
                for rule_id in self.counts()
            },
            "faults": [fault.to_dict() for fault in self.faults],
            "treatments": [treatment.to_dict() for treatment in self.treatments],
        }
