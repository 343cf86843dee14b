"""How a configuration field states its help, unit, bounds and choices.

The metadata written here is the one source of UI labels, reference docs and validation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import MISSING, Field, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class FieldInfo:
    """What is known of a field beyond its type.

    Attributes:
        help: one sentence for a person choosing a value.
        unit: of the value: s, px, steps, GiB ...; None for a pure number or a text.
        bounds: inclusive (low, high); None on a side is open.
        choices: the only allowed values, or None.
        advanced: shown on request only.
        of_endpoint: it acts when a model is deployed or watched, not in a run: forms of runs leave it out.
    """

    help: str
    unit: str | None = None
    bounds: tuple[float | None, float | None] | None = None
    choices: tuple[Any, ...] | None = None
    advanced: bool = False
    of_endpoint: bool = False


def opt(
    default: Any,
    text: str,
    *,
    unit: str | None = None,
    bounds: tuple[float | None, float | None] | None = None,
    choices: Sequence[Any] | None = None,
    advanced: bool = False,
    of_endpoint: bool = False,
) -> Any:
    """Return a dataclass field with `FieldInfo` in its metadata; mutable defaults are copied."""
    info = FieldInfo(text, unit, bounds, tuple(choices) if choices else None, advanced, of_endpoint)
    if isinstance(default, list | dict):
        kept = default
        return field(default_factory=lambda: type(kept)(kept), metadata={"info": info})
    return field(default=default, metadata={"info": info})


def info_of(item: Field[Any]) -> FieldInfo | None:
    """Return the `FieldInfo` of a dataclass field, or None for a nested group."""
    return item.metadata.get("info")


def default_of(item: Field[Any]) -> Any:
    """Return a field's default value (its factory called)."""
    if item.default_factory is not MISSING:
        return item.default_factory()
    return item.default
