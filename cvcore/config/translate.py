"""Hydra's and OmegaConf's exceptions as our errors: one sentence each."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from hydra.errors import HydraException, MissingConfigException
from omegaconf.errors import (
    ConfigAttributeError,
    ConfigKeyError,
    InterpolationResolutionError,
    MissingMandatoryValue,
    OmegaConfBaseException,
    ValidationError,
)
from yaml import YAMLError

from cvcore.config.check import unknown_key, unknown_option
from cvcore.config.keys import children, find
from cvcore.errors import ConfigError, OverrideError, UnknownOption, did_you_mean


def from_hydra(error: Exception, options: dict[str, list[str]]) -> ConfigError:
    """Return our error for one that composing raised.

    Args:
        error: one of `Translatable`.
        options: the options of every group.
    """
    where = re.match(r"In '[^']+': ", str(error))
    for cause in _chain(error):
        if isinstance(cause, MissingConfigException):
            return _missing(cause, options)
        if isinstance(cause, OmegaConfBaseException):
            found = from_omegaconf(cause)
            return type(found)(f"{where[0] if where else ''}{found}")
        if isinstance(cause, YAMLError):
            place = re.sub(r"\s+", " ", str(getattr(cause, "problem_mark", None) or cause)).strip()
            return ConfigError(f"Not YAML: {place}. Repair or remove the file.")
    if isinstance(error, AssertionError | AttributeError):
        key = getattr(error, "full_key", "") or "An override"
        return OverrideError(
            f"{key} sets keys of a value that is null. First choose an option that fills it, e.g. "
            "deepspeed=zero2 for keys of deepspeed.config."
        )
    return ConfigError(_first_line(error))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        # Of a fault in a file Hydra keeps the reason as context only.
        error = error.__cause__ or error.__context__


def _missing(error: MissingConfigException, options: dict[str, list[str]]) -> ConfigError:
    group, _, option = (error.missing_cfg_file or "").partition("/")
    if group == "model" and option.endswith("/_default"):
        task = option.removesuffix("/_default")
        models = ", ".join(options["model"])
        return UnknownOption(f"Task {task!r} has no default model. Choose a model: {models}.")
    if group in options and option:
        return UnknownOption(unknown_option(group, option, options[group]))
    return ConfigError(_first_line(error))


def from_omegaconf(error: OmegaConfBaseException) -> ConfigError:
    """Return our error for a value or key that OmegaConf refused."""
    key = re.sub(r"\[(\w+)\]", r".\1", str(error.full_key or error.key or ""))
    if isinstance(error, MissingMandatoryValue):
        known = find(key)
        about = f" ({known.info.help.rstrip('.')})" if known and known.info else ""
        return ConfigError(f"{key} has no value{about}. Write {key}=<value>.")
    if isinstance(error, InterpolationResolutionError):
        return ConfigError(f"{key} refers to a value that cannot be had: {_first_line(error)}.")
    if isinstance(error, ConfigAttributeError | ConfigKeyError):
        return OverrideError(_unknown_key(key, error.object_type))
    if isinstance(error, ValidationError):
        return OverrideError(_wrong_type(key, error))
    return ConfigError(f"{key}: {_first_line(error)}." if key else _first_line(error))


def _unknown_key(key: str, schema: object) -> str:
    """Name the keys of the schema in use, e.g. those of the chosen reader only."""
    if not (isinstance(schema, type) and hasattr(schema, "__dataclass_fields__")):
        return unknown_key(key)
    parent, _, last = key.rpartition(".")
    names = [item.path for item in children(schema)]
    where = parent or "the configuration"
    return f"{key} is not a key of {where}. Keys: {', '.join(names)}.{did_you_mean(last, names)}"


_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "str": "a text",
    "list[int]": "a list of whole numbers such as [640,640]",
    "list[float]": "a list of numbers such as [0.5,1.5]",
    "dict[str, Any]": "a mapping such as {key: value}",
}


def _wrong_type(key: str, error: ValidationError) -> str:
    known = find(key)
    if known is None:
        return f"{key}: {_first_line(error)}."
    base, _, optional = known.type.partition(" | ")
    base = base if known.path == key else base.removeprefix("list[").removesuffix("]")
    kind = _KINDS.get(base, base) + (" or null" if optional else "")
    return f"{key} takes {kind}, not {_shown(error.value)}."


def _shown(value: object) -> str:
    return "null" if value is None else repr(value)


def _first_line(error: BaseException) -> str:
    lines: Sequence[str] = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].rstrip(".")


Translatable = (HydraException, OmegaConfBaseException, YAMLError, AssertionError, AttributeError)
"""What composing raises for faults of the user (OmegaConf asserts that a parent is no leaf, and looks for
keys in a mapping that is null)."""
