"""Which overrides a person may give: checked before anything is composed.

Types, bounds and choices of values are checked after composition, by `cvcore.config.validate`.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from cvcore.config.keys import find, subkeys
from cvcore.config.overrides import Override, parse
from cvcore.config.schema import TASKS
from cvcore.errors import OverrideError, UnknownOption, did_you_mean

# `${` after an even number of backslashes.
_INTERPOLATION = re.compile(r"(?<!\\)(?:\\\\)*\$\{")


def check(
    overrides: Iterable[str], options: Mapping[str, Sequence[str]], *, for_hydra: bool = False
) -> list[Override]:
    """Return the parsed overrides if each is safe and names what exists.

    Args:
        overrides: the texts.
        options: the options of every group, e.g. {"data": ["coco", "digits"], ...}.
        for_hydra: they go to Hydra's own command line: sweeps and `hydra.*` are allowed.

    Raises:
        OverrideError: malformed, unsafe, or an unknown key.
        UnknownOption: no such option in its group, or a model of another task.
    """
    checked = []
    for found in map(parse, overrides):
        if not for_hydra or not re.match(r"hydra[./]", found.key):
            _check_inert(found, for_hydra)
            if found.key in options:
                _check_option(found, options[found.key])
            else:
                _check_key(found, options)
        checked.append(found)
    _check_model_of_task(checked, options["model"])
    return checked


def _check_inert(found: Override, for_hydra: bool) -> None:
    """Refuse what reaches outside the schema or would be evaluated."""
    if re.match(r"hydra([./]|$)", found.key):
        raise OverrideError(
            f"{found.text!r} changes Hydra itself, which overrides may not. "
            "Use `python -m cvcore.train` for sweeps and Hydra's own settings."
        )
    if found.is_sweep and not for_hydra:
        raise OverrideError(
            f"{found.text!r} holds several values. Put a text with commas in quotes and a list in "
            "brackets; for a sweep use `python -m cvcore.train --multirun`."
        )
    if found.package is not None:
        raise OverrideError(
            f"{found.text!r} moves a group with @, which overrides may not. "
            f"Write {found.key}=<option>."
        )
    if any(_INTERPOLATION.search(text) for text in (found.key, *_texts_in(found.value))):
        raise OverrideError(
            f"{found.text!r} holds an interpolation '${{', which overrides may not. "
            "Write the value itself; a literal '${' is written '\\${'."
        )
    if "_target_" in (*found.key.split("."), *names_in(found.value)):
        raise OverrideError(
            f"{found.text!r} holds '_target_'. Nothing in a configuration is instantiated: "
            "choose an option or set a key."
        )


def names_in(value: Any) -> Iterator[str]:
    """Yield every key of every mapping in a nested value."""
    if isinstance(value, dict):
        yield from map(str, value)
    if isinstance(value, dict | list | tuple):
        for item in value.values() if isinstance(value, dict) else value:
            yield from names_in(item)


def _texts_in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    if isinstance(value, dict | list | tuple):
        for item in (*value, *value.values()) if isinstance(value, dict) else value:
            yield from _texts_in(item)


def _check_option(found: Override, options: Sequence[str]) -> None:
    if found.prefix:
        raise OverrideError(
            f"{found.text!r} adds or removes a group, which overrides may not. "
            f"Write {found.key}=<option>."
        )
    for option in found.value if found.is_sweep else (found.value,):
        if option not in options:
            raise UnknownOption(unknown_option(found.key, option, options))


def unknown_option(group: str, option: object, options: Sequence[str]) -> str:
    """Return the sentence for an option that its group does not have."""
    text = "null" if option is None else str(option)
    if not options:
        return f"{text!r} is not an option of group {group!r}, which has none."
    shown = [known for known in options if known.startswith(f"{text.split('/')[0]}/")] or options
    # A model may be written without its task: `rt_detr_v2_r18` for `detection/rt_detr_v2_r18`.
    short = {known.rpartition("/")[2]: known for known in reversed(options)}
    close = difflib.get_close_matches(text, [*options, *short], n=1, cutoff=0.6)
    near = f" Did you mean {short.get(close[0], close[0])!r}?" if close else ""
    return f"{text!r} is not an option of group {group!r}. Options: {', '.join(shown)}.{near}"


def _check_key(found: Override, options: Mapping[str, Sequence[str]]) -> None:
    key = find(found.key)
    if key is None:
        raise OverrideError(unknown_key(found.key, list(options)))
    if key.schema:
        names = ", ".join(item.path for item in subkeys(key.path))
        raise OverrideError(
            f"{found.text!r} sets the whole of {key.path!r}. Set its keys: {names}."
        )
    if found.prefix and not (key.is_mapping and found.key != key.path):
        raise OverrideError(
            f"{found.text!r} adds or removes a key of the schema, which overrides may not. "
            f"Write {key.path}=<value>."
        )


def unknown_key(path: str, groups: Sequence[str] = ()) -> str:
    """Return the sentence for a key that the schema does not have."""
    parent, _, last = path.rpartition(".")
    while parent and not (siblings := subkeys(parent)):
        parent, _, last = parent.rpartition(".")
    if not parent:
        names = list(dict.fromkeys([*(key.path for key in subkeys("")), *groups]))
        top = path.split(".")[0]
        return f"{top!r} is neither a group nor a key. There are: " + _listed(top, names)
    names = [key.path.removeprefix(f"{parent}.") for key in siblings]
    return f"{parent}.{last} is not a key of {parent}. Keys: " + _listed(last, names)


def _listed(wrong: str, names: Sequence[str]) -> str:
    return f"{', '.join(names)}.{did_you_mean(wrong, names)}"


def _check_model_of_task(checked: Sequence[Override], models: Sequence[str]) -> None:
    """Refuse a model and a task given together that do not fit, before anything is composed."""
    chosen = {item.key: item for item in checked if item.key in ("task", "model")}
    if len(chosen) == 2 and not any(item.is_sweep for item in chosen.values()):
        check_model(chosen["model"].value, chosen["task"].value, models)


def check_model(model: str, task: str, models: Sequence[str]) -> None:
    """Refuse a model that does not do the task.

    Args:
        model: an option, e.g. "detection/d_fine_micro".
        task: of the five; another one (an option of the user's) is let through.
        models: all options of `model`.

    Raises:
        UnknownOption: the model is of another task.
    """
    own = model.partition("/")[0]
    if task in TASKS and own != task:
        fitting = ", ".join(option for option in models if option.startswith(f"{task}/"))
        raise UnknownOption(
            f"Model {model!r} is of task {own!r}, not {task!r}. "
            f"Choose a model of {task}: {fitting}; or write task={own}."
        )


def complete(overrides: Sequence[str]) -> list[str]:
    """Return the overrides as Hydra needs them.

    A chosen model brings its task, and a key inside a free mapping (`model.config.x=1`,
    `model.config={x: 1}`) need not exist yet.

    Raises:
        OverrideError: an override is malformed, or a sweep goes over models of several tasks.
    """
    parsed = [parse(text) for text in overrides]
    texts = [f"++{item.text}" if _is_free(item) else item.text for item in parsed]
    models = [item for item in parsed if item.key == "model"]
    if not models or any(item.key == "task" for item in parsed):
        return texts
    chosen = models[-1].value if models[-1].is_sweep else (models[-1].value,)
    tasks = sorted({str(option).partition("/")[0] for option in chosen})
    if len(tasks) > 1:
        raise OverrideError(
            f"{models[-1].text!r} sweeps over models of several tasks: {', '.join(tasks)}. "
            "Sweep over the models of one task."
        )
    return [f"task={task}" for task in tasks if task in TASKS] + texts


def _is_free(found: Override) -> bool:
    key = None if found.prefix else find(found.key)
    if key is None or not key.is_mapping:
        return False
    return key.path != found.key or isinstance(found.value, dict)
