"""Recipes as `experiment` files in the user's conf folder; the command line loads them by name."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from cvcore.config.check import check
from cvcore.config.keys import find
from cvcore.config.overrides import assign, parse, select
from cvcore.config.paths import conf_dir
from cvcore.errors import ConfigError
from panel_app.forms.compose import flat
from panel_app.forms.recipe import GROUPS, Recipe, unescaped

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
# `${` after an even number of backslashes.
_INTERPOLATION = re.compile(r"(?<!\\)(?:\\\\)*\$\{")
_MAX_BYTES = 1_000_000
_OVERRIDE = re.compile(r"override /(\w+)(@[\w.]+)?")
HISTORY = "_history"
"""Folder of replaced recipes; Hydra's options never start with an underscore."""


def save(recipe: Recipe, name: str, folder: Path, *, is_replaced: bool = False) -> Path:
    """Write a recipe as `experiment/<name>.yaml` and return the path; atomic.

    Args:
        recipe: what to write.
        name: what `experiment=` will take.
        folder: a conf folder of the user's.
        is_replaced: an existing one goes to `_history/<name>.<n>.yaml`; otherwise it is refused.

    Raises:
        ConfigError: the name is not plain or taken, or the recipe holds what no file can.
    """
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"{name!r} cannot be a recipe's name. Use letters, digits, - and _, at most 64."
        )
    if (conf_dir() / "experiment" / f"{name}.yaml").exists():
        raise ConfigError(f"{name!r} is a recipe that comes with Lakesight. Choose another name.")
    text = to_yaml(recipe, name)
    path = folder / "experiment" / f"{name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=".", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if is_replaced and path.exists():
            _keep(path)
            Path(temporary).replace(path)
        else:
            _create(Path(temporary), path)
    finally:
        Path(temporary).unlink(missing_ok=True)
    return path


def history(name: str, folder: Path) -> list[Path]:
    """Return the replaced versions of a recipe, oldest first."""
    found = (folder / "experiment" / HISTORY).glob(f"{name}.*.yaml")
    return sorted(found, key=lambda path: int(path.name.split(".")[-2]))


def remove(path: Path) -> None:
    """Take a recipe away; it is kept as a version first."""
    _keep(path)
    path.unlink()


def load(path: Path, options: Mapping[str, Sequence[str]]) -> Recipe:
    """Return the recipe in a file; see `from_yaml`."""
    return from_yaml(path.read_text(encoding="utf-8"), options)


def to_yaml(recipe: Recipe, name: str = "") -> str:
    """Return the text of a recipe's experiment file.

    Raises:
        ConfigError: the recipe holds what no file can, or its own name as its base.
    """
    base = recipe.choices.get("experiment")
    if base is not None and base == name:
        raise ConfigError(f"Recipe {name!r} cannot build on itself. Choose another name.")
    defaults: list[Any] = [base] if base else []
    chosen = [group for group in GROUPS[:-1] if group in recipe.choices]
    defaults += [{f"override /{group}": recipe.choices[group]} for group in chosen]
    values: dict[str, Any] = {}
    for text in Recipe(values=recipe.values, extra=recipe.extra).to_overrides():
        found = parse(text)
        holder = find(found.key)
        if found.prefix == "~" or (holder and holder.is_list and holder.path != found.key):
            raise ConfigError(f"{text!r} cannot be kept in a recipe. Set the whole value instead.")
        _merge(values, _nested(found.key, found.value))
    body = {"defaults": [*defaults, "_self_"], **values}
    dumped = yaml.dump(body, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
    return f"# @package _global_\n{dumped}"


def from_yaml(text: str, options: Mapping[str, Sequence[str]]) -> Recipe:
    """Return the recipe of an experiment file or of a whole configuration (a run's config.yaml).

    Raises:
        ConfigError: not YAML, too large, or not what a recipe may hold (checked as overrides are).
    """
    if len(text.encode()) > _MAX_BYTES:
        raise ConfigError("The file is larger than 1 MB: it is not a recipe.")
    try:
        body = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        place = str(getattr(error, "problem_mark", "")).strip()
        raise ConfigError(f"Not YAML: {place}. Repair the file.") from None
    if not isinstance(body, dict):
        raise ConfigError("The file is not a mapping of keys to values.")
    defaults = body.pop("defaults", None)
    values = flat(body)
    chosen = _choices(defaults) if defaults is not None else _choices_of_values(values, options)
    items = {path: _plain(path, value) for path, value in values.items()}
    texts = [*(select(*item) for item in chosen.items()), *(assign(*i) for i in items.items())]
    check(texts, options)
    return Recipe.from_overrides(texts, options)


def _choices(defaults: Any) -> dict[str, str]:
    found = {}
    for item in defaults if isinstance(defaults, list) else [defaults]:
        if item == "_self_":
            continue
        if isinstance(item, str):
            found["experiment"] = item
            continue
        pairs = item.items() if isinstance(item, dict) else [(item, None)]
        for key, option in pairs:
            group = _OVERRIDE.fullmatch(str(key))
            if group is None or group[2] or group[1] not in GROUPS:
                raise ConfigError(
                    f"{key!r} in defaults is not understood. Write `- override /data: coco`."
                )
            found[group[1]] = str(option)
    return found


def _choices_of_values(
    values: Mapping[str, Any], options: Mapping[str, Sequence[str]]
) -> dict[str, str]:
    """Return the options that a whole configuration shows that it was made with."""
    kind, way = values.get("compute.kind"), values.get("compute.way")
    shown = {
        "task": values.get("task.kind"),
        "data": values.get("data.reader"),
        "compute": f"{kind}_{way}" if way else kind,
    }
    return {group: str(one) for group, one in shown.items() if one in options[group]}


def _plain(path: str, value: Any) -> Any:
    """Return a value of a file without its escapes; refuse what would be evaluated."""
    if any(_INTERPOLATION.search(text) for text in _texts(value)):
        raise ConfigError(f"{path} holds an interpolation '${{'. Write the value itself.")
    return unescaped(value)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for item in (*value, *value.values()) if isinstance(value, dict) else value:
            yield from _texts(item)


def _nested(path: str, value: Any) -> dict[str, Any]:
    for part in reversed(path.split(".")):
        value = {part: value}
    return value


def _merge(into: dict[str, Any], values: Mapping[str, Any]) -> None:
    for key, value in values.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value


def _create(temporary: Path, path: Path) -> None:
    taken = ConfigError(
        f"Recipe {path.stem!r} exists. Choose another name, or replace it (the old one is kept)."
    )
    try:
        os.link(temporary, path)  # Fails if somebody was faster.
    except FileExistsError:
        raise taken from None
    except OSError:  # A file system without hard links, such as a Volume.
        try:
            path.open("x").close()
        except FileExistsError:
            raise taken from None
        temporary.replace(path)


def _keep(path: Path) -> None:
    """Copy a recipe into the history under the next free number."""
    folder = path.parent / HISTORY
    folder.mkdir(exist_ok=True)
    number = 1
    while True:
        try:
            with (folder / f"{path.stem}.{number}.yaml").open("xb") as file:
                file.write(path.read_bytes())
            return
        except FileExistsError:
            number += 1


class _Dumper(yaml.SafeDumper):
    """Quotes every text: Hydra's YAML reads 1e3 and on as numbers and booleans, PyYAML does not."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    is_plain = re.fullmatch(r"[A-Za-z_/ ][\w/ -]*", text) and text.lower() not in _WORDS
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if is_plain else '"')


_WORDS = {"true", "false", "yes", "no", "on", "off", "null", "y", "n", "inf", "nan"}
_Dumper.add_representer(str, _text)
