"""Hydra overrides as values: written safely and read. Pure functions.

An override is one text, `key=value` or `group=option`, as on a command line. Text that comes from
a person goes through `quote` when it is written and through `cvcore.config.check` when it is read,
so it is inert: it is never interpolated, instantiated or able to reach outside the schema.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override as HydraOverride
from hydra.core.override_parser.types import OverrideType, QuotedString, Sweep
from hydra.errors import HydraException

from cvcore.errors import OverrideError

_PREFIXES = {
    OverrideType.CHANGE: "",
    OverrideType.ADD: "+",
    OverrideType.FORCE_ADD: "++",
    OverrideType.DEL: "~",
}
# What the grammar reads back as the same string without quotes. Deliberately narrow.
_PLAIN = re.compile(r"(\.{0,2}/)?[A-Za-z_][A-Za-z0-9_./-]*")
_RESERVED = {"true", "false", "null", "inf", "nan"}
_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z0-9_-]+)*")
_OPTION = re.compile(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*")


@dataclass(frozen=True, slots=True)
class Override:
    """One parsed override.

    Attributes:
        key: dotted key or group, without prefix and package.
        value: bool, int, float, str, list, dict or None; of a sweep the tuple of its values.
        prefix: "", "+", "++" or "~".
        package: what follows @ in the key, or None.
        is_sweep: whether it stands for several values (`--multirun`).
        text: as it was written.
    """

    key: str
    value: Any
    prefix: str
    package: str | None
    is_sweep: bool
    text: str


def quote(value: Any) -> str:
    """Return the text that Hydra reads back as exactly this value.

    Args:
        value: None, bool, int, float, str, or a list or dict of these.

    Raises:
        OverrideError: the text `???` (it means "missing" and cannot be passed) or another type.
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else str(value)
    if isinstance(value, str):
        return _quote_text(value)
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(quote, value)) + "]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{_dict_key(k)}:{quote(v)}" for k, v in value.items()) + "}"
    raise OverrideError(
        f"A {type(value).__name__} cannot be an override's value. "
        "Use a number, a text, true, false, null, a list or a mapping."
    )


def _quote_text(text: str) -> str:
    if text == "???":
        raise OverrideError("The text '???' means 'missing' to Hydra and cannot be a value.")
    if _PLAIN.fullmatch(text) and text.lower() not in _RESERVED:
        return text
    # OmegaConf: `\${` is a literal `${`; backslashes right before it are doubled.
    text = re.sub(r"(\\*)\$\{", lambda found: found[1] * 2 + r"\${", text)
    # Hydra: a quote inside, and the backslashes before it or at the end, are escaped.
    text = re.sub(r"(\\*)'", lambda found: found[1] * 2 + r"\'", text)
    text = re.sub(r"\\+$", lambda found: found[0] * 2, text)
    return f"'{text}'"


def _dict_key(key: object) -> str:
    text = str(key)
    if not _PLAIN.fullmatch(text):
        raise OverrideError(
            f"{text!r} cannot be a key of a mapping in an override. Use letters, digits and _."
        )
    return text


def assign(key: str, value: Any) -> str:
    """Return the override that sets a key, e.g. `run.title='a b'`.

    Raises:
        OverrideError: the key is not a dotted name, or the value cannot be written.
    """
    if not _KEY.fullmatch(key):
        raise OverrideError(f"{key!r} is not a key. A key looks like optim.learning_rate.")
    return f"{key}={quote(value)}"


def select(group: str, option: str) -> str:
    """Return the override that chooses an option, e.g. `model=detection/d_fine_micro`.

    Raises:
        OverrideError: group or option is not a plain name.
    """
    if not _OPTION.fullmatch(group) or not _OPTION.fullmatch(option):
        raise OverrideError(
            f"{group}={option} does not choose an option. A choice looks like data=coco."
        )
    return f"{group}={option}"


def parse(text: str) -> Override:
    """Return an override read by Hydra's own grammar.

    Raises:
        OverrideError: the text is not an override.
    """
    try:
        # One parser per call: ANTLR's are not thread-safe.
        found: HydraOverride = OverridesParser.create().parse_override(text)
    except HydraException as error:
        raise OverrideError(_why_not(text, str(error))) from None
    if not found.key_or_group:
        raise OverrideError(_why_not(text, "the key is empty"))
    is_sweep = found.is_sweep_override()
    value = _sweep_values(found) if is_sweep else found.value()
    return Override(found.key_or_group, value, _PREFIXES[found.type], found.package, is_sweep, text)


def _why_not(text: str, reason: str) -> str:
    if "=" not in text:
        return (
            f"{text!r} is not an override. Write key=value or group=option, "
            "e.g. optim.learning_rate=1e-3 or data=coco."
        )
    key, _, value = text.partition("=")
    return (
        f"{text!r} cannot be read ({reason.splitlines()[0]}). Put a value with special characters "
        f"in quotes: {key}='{value}' (on a command line quote the whole again)."
    )


def _sweep_values(found: HydraOverride) -> tuple[Any, ...]:
    """Return what a sweep enumerates; () where that takes the options (glob) or is continuous."""
    if not isinstance(found._value, Sweep) or not found.is_discrete_sweep():
        return ()
    return tuple(
        item.text if isinstance(item, QuotedString) else item for item in found.sweep_iterator()
    )
