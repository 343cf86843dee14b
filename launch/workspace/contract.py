"""Which fields a request may have, taken from the SDK's own signatures and dataclasses.

The SDK drops what it does not know; a test double that did the same would hide every typing error.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import inspect
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any

from cvcore.errors import did_you_mean
from launch.workspace.errors import ApiError, invalid

Like = Callable[..., Any] | type
_NOT_SENT = {"self", "timeout", "callback", "return"}


@functools.cache
def fields(like: Like) -> dict[str, tuple[Any, bool]]:
    """Return name -> (type, required) of a dataclass's fields or a method's parameters."""
    if dataclasses.is_dataclass(like):
        hints = typing.get_type_hints(like)
        return {
            f.name: (
                hints[f.name],
                f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING,
            )
            for f in dataclasses.fields(like)
        }
    hints = typing.get_type_hints(like)
    return {
        name: (hints.get(name, Any), parameter.default is inspect.Parameter.empty)
        for name, parameter in inspect.signature(like).parameters.items()
        if name not in _NOT_SENT
    }


def check(
    like: Like, values: Mapping[str, Any], given: frozenset[str] = frozenset(), text: bool = False
) -> dict[str, Any]:
    """Return `values` with numbers as numbers; `given` names fields that came in the path.

    `text` says that the values are those of a query string.

    Raises:
        ApiError: 400 naming the unknown field, the bad value or the missing field.
    """
    allowed = {name: spec for name, spec in fields(like).items() if name not in given}
    return _object(allowed, values, "", text)


def _object(
    allowed: Mapping[str, tuple[Any, bool]], values: Mapping[str, Any], at: str, text: bool
) -> dict[str, Any]:
    for name in values:
        if name not in allowed:
            raise ApiError(
                400,
                "INVALID_PARAMETER_VALUE",
                f"Unknown field '{at}{name}'.{did_you_mean(name, allowed)}",
            )
    for name, (_, required) in allowed.items():
        if required and values.get(name) is None:
            raise invalid(f"Missing required field: {at}{name}")
    return {
        name: _value(allowed[name][0], value, f"{at}{name}", text)
        for name, value in values.items()
        if value is not None
    }


def _value(kind: Any, value: Any, at: str, text: bool) -> Any:
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        kind = next(arg for arg in args if arg is not type(None))
        return _value(kind, value, at, text)
    if origin is list or kind is list:
        _expect(isinstance(value, list), at, "a list", value)
        item = args[0] if args else Any
        return [_value(item, v, f"{at}[{i}]", text) for i, v in enumerate(value)]
    if origin is dict or kind is dict:
        _expect(isinstance(value, dict), at, "an object", value)
        item = args[1] if args else Any
        return {k: _value(item, v, f"{at}.{k}", text) for k, v in value.items()}
    if not isinstance(kind, type):
        return value
    if dataclasses.is_dataclass(kind):
        _expect(isinstance(value, dict), at, "an object", value)
        return _object(fields(kind), value, f"{at}.", text)
    if issubclass(kind, enum.Enum):
        options = [member.value for member in kind]
        if value not in options:
            raise invalid(
                f"Invalid value {value!r} for field '{at}'. Allowed: {', '.join(options)}."
                f"{did_you_mean(str(value), options)}"
            )
        return value
    return _scalar(kind, value, at, text)


def _scalar(kind: type, value: Any, at: str, text: bool) -> Any:
    if kind is bool:
        if text and value in ("true", "false"):
            return value == "true"
        _expect(isinstance(value, bool), at, "true or false", value)
    elif kind is int:
        # Proto JSON lets a 64-bit number come as a string of digits.
        if isinstance(value, str) and value.lstrip("-").isdigit():
            return int(value)
        _expect(isinstance(value, int) and not isinstance(value, bool), at, "an integer", value)
    elif kind is float:
        _expect(isinstance(value, int | float), at, "a number", value)
    elif kind is str:
        _expect(isinstance(value, str), at, "a string", value)
    return value


def _expect(right: bool, at: str, what: str, value: Any) -> None:
    if not right:
        raise ApiError(400, "MALFORMED_REQUEST", f"Field '{at}' must be {what}, not {value!r:.80}.")
