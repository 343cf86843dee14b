"""What a rule, a finding and a fault are. Torch-free and light.

A `Rule` is one demand on a data set, a `Finding` one place of a record that breaks it, a `Fault`
the finding with all its coordinates, as reports show it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

Severity = Literal["error", "warning", "info"]
"""error: the policies act on it; warning: worth a look; info: handled, good to know."""

Drop = Literal["annotation", "image", "outside", "pixels", "stop", "keep"]
"""What `policy=drop` leaves out: the annotation (or panoptic segment), the whole image, the part
outside the image, pixels that are unlabelled from then on; `stop`: neither dropping nor repairing
helps, every policy stops; `keep`: nothing."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One demand of the data contract.

    Attributes:
        rule_id: its name in reports, e.g. `bbox-zero-area`.
        statement: what must be true.
        severity: what breaking it means.
        drop: what policy `drop` leaves out.
        repair: what policy `repair` does, in words; empty: the same as `drop`.
        suggestion: what a person can do about it.
        broken: the test, where it looks at one box, polygon or mask.
    """

    rule_id: str
    statement: str
    severity: Severity
    drop: Drop
    repair: str
    suggestion: str
    broken: Callable[..., bool]


RULES: dict[str, Rule] = {}
"""Every rule by its id, in the order of their modules."""


def rule(
    rule_id: str,
    statement: str,
    suggestion: str,
    *,
    severity: Severity = "error",
    drop: Drop = "keep",
    repair: str = "",
) -> Callable[[Callable[..., bool]], Rule]:
    """Return a decorator that makes a test ("is it broken?") a rule and enters it in `RULES`."""

    def enter(broken: Callable[..., bool]) -> Rule:
        if rule_id in RULES:
            raise ValueError(f"rule {rule_id!r} is defined twice")
        made = Rule(rule_id, statement, severity, drop, repair, suggestion, broken)
        RULES[rule_id] = made
        return made

    return enter


@dataclass(frozen=True, slots=True)
class Finding:
    """One place of one record that breaks a rule.

    Attributes:
        rule: the rule.
        field: the key at fault, as the source calls it.
        value: what it holds.
        position: index in the record's annotations or segments; None: the image itself.
        file: where, if it is not the image (a mask, an annotation file).
    """

    rule: Rule
    field: str
    value: Any
    position: int | None = None
    file: str | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """One broken rule with its coordinates.

    Attributes:
        split: train, val or test; empty: the data set as a whole.
        file: the image, mask or annotation file.
        image_id: the source's image id, or None.
        annotation_id: the source's annotation (or segment) id, or None.
        field: the key at fault, as the source calls it.
        value: what it holds.
        rule: id of the broken rule; `RULES[fault.rule]` says more.
        severity: error, warning or info.
        suggestion: what a person can do about it.
        index: the record's index in the split, or None.
        position: the annotation's index in the record, or None.
    """

    split: str
    file: str
    image_id: int | str | None
    annotation_id: int | str | None
    field: str
    value: Any
    rule: str
    severity: Severity
    suggestion: str
    index: int | None = None
    position: int | None = None

    @property
    def where(self) -> str:
        """Return file, image id and annotation id in one phrase."""
        parts = [self.file or f"split {self.split!r}"]
        if self.annotation_id is not None:
            parts.append(f"annotation {self.annotation_id}")
        return ", ".join(parts)

    def __str__(self) -> str:
        value = short(self.value)
        return f"{self.where}: {self.field} {value} ({self.rule}: {RULES[self.rule].statement})"

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able form."""
        return asdict(self) | {"value": json_able(self.value)}


def short(value: object, limit: int = 80) -> str:
    """Return a value as one short line."""
    text = value if isinstance(value, str) else _plain(value)
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 4] + " ..."


def json_able(value: Any) -> Any:
    """Return a value for JSON: infinities, NaN, bytes and objects become text."""
    if isinstance(value, float):
        return value if value - value == 0 else str(value)
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, dict):
        return {str(k): json_able(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [json_able(v) for v in value]
    return str(value)


def _plain(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | tuple):
        shown = ", ".join(_plain(v) for v in value[:12])
        return f"[{shown}{', ...' if len(value) > 12 else ''}]"
    return repr(value)
