"""The models there are: what `conf/model` says of each. Reads YAML only, so it answers at once."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from cvcore.config.paths import conf_dir, user_conf_dirs
from cvcore.config.schema import TASKS, ModelConf
from cvcore.errors import ConfigError

_DEFAULT = "_default"
# `- detection/other@_here_`: the file takes over another's values.
_PARENT = re.compile(r"(?:/model/)?([\w-]+/[\w-]+)@_here_")


@dataclass(frozen=True, slots=True)
class Entry:
    """One model of the catalogue.

    Attributes:
        option: what `model=` takes, e.g. "detection/d_fine_micro".
        task: of the five.
        is_default: whether the task's runs use it unless told otherwise.
        checkpoint: Hugging Face id or folder; None: random weights.
        licence: of the weights, SPDX id.
        image_size: input (height, width), pixels.
        params_m: parameters, millions; None: unknown.
        description: one line.
        licence_note: what to know before use, e.g. no commercial use; mostly empty.
    """

    option: str
    task: str
    is_default: bool
    checkpoint: str | None
    licence: str
    image_size: tuple[int, ...]
    params_m: float | None
    description: str
    licence_note: str = ""


def catalogue(
    task: str | None = None, search_path: Sequence[str | Path] | None = None
) -> list[Entry]:
    """Return the models, ours and the user's, by task and option.

    Args:
        task: only this task's models.
        search_path: the user's conf folders; None reads `LAKESIGHT_CONF_PATH`.

    Raises:
        ConfigError: a file is no YAML mapping.
    """
    files: dict[str, Path] = {}
    for folder in (conf_dir(), *user_conf_dirs(search_path)):
        for path in folder.glob("model/*/*.yaml"):
            files.setdefault(f"{path.parent.name}/{path.stem}", path)
    return [
        _entry(option, files)
        for one in ([task] if task else TASKS)
        for option in sorted(files)
        if option.startswith(f"{one}/") and "/_" not in option
    ]


def _entry(option: str, files: Mapping[str, Path]) -> Entry:
    values = _values(option, files)
    plain = ModelConf()
    task = option.partition("/")[0]
    return Entry(
        option=option,
        task=task,
        is_default=_parent(_read(files.get(f"{task}/{_DEFAULT}"))) == option,
        checkpoint=values.get("checkpoint"),
        licence=str(values.get("licence", plain.licence)),
        image_size=tuple(values.get("image_size", plain.image_size)),
        params_m=values.get("params_m"),
        description=str(values.get("description", "")),
        licence_note=str(values.get("licence_note", "")),
    )


def _values(option: str, files: Mapping[str, Path]) -> dict[str, Any]:
    """Return a file's values on top of those of the file it takes over."""
    values = _read(files.get(option))
    parent = _parent(values)
    return {**_values(parent, files), **values} if parent and parent != option else values


def _parent(values: Mapping[str, Any]) -> str | None:
    for item in values.get("defaults", []):
        found = _PARENT.fullmatch(item) if isinstance(item, str) else None
        if found:
            return found[1]
    return None


def _read(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        values = yaml.load(path.read_text(), Loader=_LOADER)  # noqa: S506 (both loaders are safe)
    except yaml.YAMLError as error:
        place = str(getattr(error, "problem_mark", "")).strip()
        raise ConfigError(f"{path} is not YAML: {place}. Repair or remove the file.") from None
    if not isinstance(values, dict):
        raise ConfigError(f"{path} is not a mapping of keys to values. Repair or remove the file.")
    return values


_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
