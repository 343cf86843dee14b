"""A key of the schema as a `param.Parameter`, and its values as text and back. Pure functions."""

from __future__ import annotations

import math
from typing import Any

import param
import yaml

from cvcore.config.keys import Key
from cvcore.config.overrides import quote
from cvcore.config.validate import fault_of
from cvcore.errors import OverrideError

BASIC, ADVANCED = 1.0, 2.0
"""Precedence of a field: shown always, or on request."""

BY_OPTION = ("task.kind", "data.reader", "compute.kind", "compute.way")
"""Keys that say which option of their group was chosen: shown, never set by hand."""

_MISSING = "???"
_KINDS = {
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "str": "a text",
}


def attribute(path: str) -> str:
    """Return the name of a form's attribute for a path in its group, e.g. `recipe__ema_decay`."""
    return path.replace(".", "__")


def base_type(key: Key) -> str:
    """Return the type without `| None`."""
    return key.type.partition(" | ")[0]


def is_optional(key: Key) -> bool:
    """Whether null is a value."""
    return key.type.endswith("| None")


def parameter_of(key: Key) -> param.Parameter:
    """Return the parameter of a key: help, unit, bounds, choices, basic or advanced."""
    info = key.info
    bounds: Any = info.bounds if info else None
    default = None if key.default == _MISSING else key.default
    shared: dict[str, Any] = {
        "default": default,
        "doc": info.help if info else "",
        "label": label_of(key),
        "precedence": ADVANCED if info and info.advanced else BASIC,
        "allow_None": is_optional(key) or default is None,
    }
    kind = base_type(key)
    if info and info.choices:
        choices = [*info.choices, *([None] if shared["allow_None"] else [])]
        return param.Selector(**shared, objects=choices)
    if kind == "bool":
        return param.Boolean(**shared)
    if kind == "int":
        return param.Integer(**shared, bounds=bounds)
    if kind == "float":
        return param.Number(**shared, bounds=bounds)
    if key.is_list:
        return param.List(**shared)
    return param.Dict(**shared) if key.is_mapping else param.String(**shared)


def label_of(key: Key) -> str:
    """Return what the field is called: the key's own name, and its unit in brackets."""
    last = key.path.rpartition(".")[2]
    unit = key.info.unit if key.info else None
    return f"{last} [{unit}]" if unit else last


def convert(key: Key, value: Any) -> Any:
    """Return a value as the key's type, checked.

    Args:
        key: of the schema.
        value: a value, or of anything but a text what a person typed.

    Raises:
        OverrideError: of the wrong type, out of bounds or none of the choices.
    """
    if value is None:
        if not is_optional(key):
            raise OverrideError(f"{key.path} needs a value: {_takes(key)}.")
        return None
    kind = base_type(key)
    if kind.startswith("list["):
        found: Any = _read(key, value) if isinstance(value, str) else value
        if not isinstance(found, list | tuple):
            raise OverrideError(f"{key.path} takes {_takes(key)}, not {value!r}.")
        item = kind.removeprefix("list[").removesuffix("]")
        found = [_scalar(key, one, item) for one in found]
    elif key.is_mapping:
        found = _read(key, value) if isinstance(value, str) else value
        if not isinstance(found, dict):
            raise OverrideError(f"{key.path} takes {_takes(key)}, not {value!r}.")
    else:
        found = _scalar(key, value, kind)
    try:
        quote(found)  # What an override cannot say is no value.
    except OverrideError as error:
        raise OverrideError(f"{key.path}: {error}") from None
    for one in found if key.is_list else [found]:
        sentence = key.info and fault_of(key.path, one, key.info)
        if sentence:
            raise OverrideError(sentence)
    return found


def from_text(key: Key, text: str) -> Any:
    """Return the value that a person typed; nothing typed is null where the key may be null.

    Raises:
        OverrideError: as `convert`.
    """
    if base_type(key) != "str":
        text = text.strip()
    if not text and (is_optional(key) or base_type(key) != "str"):
        if key.is_mapping:
            return None if is_optional(key) else {}
        return convert(key, None)
    return convert(key, text)


def to_text(value: Any) -> str:
    """Return a value as `from_text` reads it."""
    if value is None:
        return ""
    if isinstance(value, list | dict):
        return yaml.safe_dump(
            value, default_flow_style=True, allow_unicode=True, sort_keys=False, width=10**6
        ).strip()
    return str(value)


def _scalar(key: Key, value: Any, kind: str) -> Any:
    wrong = OverrideError(f"{key.path} takes {_takes(key)}, not {value!r}.")
    found: Any
    try:
        if kind == "bool":
            found = value if isinstance(value, bool) else _BOOLS[str(value).lower()]
        elif kind in ("int", "float") and isinstance(value, bool):
            raise wrong
        elif kind == "int":
            found = int(value)
            if found != (float(value) if isinstance(value, float) else found):
                raise wrong
        elif kind == "float":
            found = float(value)
            if not math.isfinite(found):
                raise wrong
        elif kind == "str":
            if not isinstance(value, str):
                raise wrong
            found = value
        else:
            found = value  # A mapping in a list, or a list's own mapping.
    except (ValueError, TypeError, KeyError, OverflowError):
        raise wrong from None
    return found


_BOOLS = {"true": True, "false": False}


def _read(key: Key, text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError):
        raise OverrideError(f"{key.path} takes {_takes(key)}, not {text!r}.") from None


def _takes(key: Key) -> str:
    kind = base_type(key)
    if kind.startswith("list["):
        item = kind.removeprefix("list[").removesuffix("]")
        examples = {"int": "whole numbers such as [640, 640]", "float": "numbers such as [0.5, 1]"}
        return "a list of " + examples.get(item, "values such as [a, b]")
    takes = "a mapping such as {key: value}" if key.is_mapping else _KINDS.get(kind, kind)
    return f"{takes} or null" if is_optional(key) else takes
