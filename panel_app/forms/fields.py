"""A key of the schema as a field of a form, and its values as text and back. Pure functions."""

from __future__ import annotations

import math
from typing import Any

import yaml

from cvcore.config.keys import Key
from cvcore.config.overrides import quote
from cvcore.config.validate import fault_of
from cvcore.errors import OverrideError

BY_OPTION = ("task.kind", "data.reader", "compute.kind", "compute.way")
"""Keys that say which option of their group was chosen: shown, never set by hand."""

# Of a model of the catalogue they are known; a person says them of weights of their own.
_FACTS = ("model.licence", "model.licence_note", "model.description", "model.params_m")
_ROWS = ("list[int]", "list[float]", "list[str]")
_UNITS = ("s", "m", "gib", "px")
_WORDS = {
    "lr": "LR",
    "ema": "EMA",
    "id": "ID",
    "uri": "URI",
    "hflip": "horizontal flip",
    "vflip": "vertical flip",
    "cpu": "CPU",
    "gpu": "GPU",
    "ssh": "SSH",
    "adam": "Adam",
    "beta1": "beta 1",
    "beta2": "beta 2",
    "num": "number of",
    "dir": "folder",
    "aws": "AWS",
    "gcp": "GCP",
    "grad": "gradient",
    "params": "parameters",
    "max": "maximum",
    "min": "minimum",
    "conf": "configuration",
    "config": "configuration",
    "std": "standard deviation",
    "addr": "address",
    "dataloader": "data loader",
    "env": "environment",
    "vars": "variables",
}
_KINDS = {
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "str": "a text",
}


def base_type(key: Key) -> str:
    """Return the type without `| None`."""
    return key.type.partition(" | ")[0]


def is_optional(key: Key) -> bool:
    """Whether null is a value."""
    return key.type.endswith("| None")


def is_advanced(key: Key) -> bool:
    """Whether a form shows the field on request only."""
    return bool(key.info and key.info.advanced) or key.path in _FACTS or key.path.count(".") > 1


def title_of(key: Key) -> str:
    """Return what a person calls the field.

    Example:
        >>> from cvcore.config.keys import find
        >>> title_of(find("optim.lr_scheduler_type"))
        'LR scheduler type'
    """
    words = key.path.rpartition(".")[2].split("_")
    # The unit stands behind the field.
    if len(words) > 1 and words[-1] in _UNITS and key.info and key.info.unit:
        words = words[:-1]
    if words[0] != "num":
        words = [word for word in words if word != "num"]
    text = " ".join(_WORDS.get(word, word) for word in words)
    return text[:1].upper() + text[1:]


def spec_of(key: Key) -> dict[str, Any]:
    """Return what the browser needs to show a field; JSON-able."""
    info = key.info
    kind = base_type(key)
    choices = [str(one) for one in info.choices] if info and info.choices else []
    if kind == "bool":
        choices = ["true", "false"]
    unit = info.unit if info else None
    control = "text"
    if kind == "bool" and not is_optional(key):
        control = "switch"
    elif choices:
        control = "choice"
    elif key.is_mapping or (key.is_list and kind not in _ROWS):
        control = "area"
    elif kind in ("int", "float"):
        control = "number"
    return {
        "key": key.path,
        "label": title_of(key),
        "unit": unit if unit and not title_of(key).endswith(unit) else "",
        "help": info.help if info else "",
        "range": _range_of(key),
        "control": control,
        "choices": choices,
        "optional": is_optional(key),
        "advanced": is_advanced(key),
        "part": key.path.split(".")[1] if key.path.count(".") > 1 else "",
    }


def _range_of(key: Key) -> str:
    low, high = (key.info.bounds if key.info else None) or (None, None)
    if low is not None and high is not None:
        return f"{low:,} to {high:,}"
    if low is not None:
        return f"at least {low:,}"
    return "" if high is None else f"at most {high:,}"


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
    if isinstance(value, bool):
        return str(value).lower()
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
