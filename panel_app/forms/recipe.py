"""The state of a whole recipe: chosen options and values set by a person, as overrides and back.

A recipe is an immutable value. Composing is given as a function, so nothing here blocks by itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from cvcore.config.check import check
from cvcore.config.keys import find, groups, leaves
from cvcore.config.overrides import Override, assign, select
from cvcore.config.schema import TASKS, Config

Give = Callable[[Sequence[str]], Mapping[str, Any]]
"""Overrides -> the composed values by dotted key, mappings whole; see `panel_app.forms.compose`."""

GROUPS = (*groups(), "experiment")


@dataclass(frozen=True)
class Recipe:
    """What a person chose and set; everything else comes from the options.

    Attributes:
        choices: group -> option, of the groups chosen.
        values: dotted key -> value, set explicitly; of a free mapping what is added to it.
        extra: overrides that no field shows, e.g. `~model.config.x`; applied last.

    Example:
        >>> Recipe().choose("data", "coco").set("optim.learning_rate", 0.001).to_overrides()
        ['data=coco', 'optim.learning_rate=0.001']
    """

    choices: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)
    extra: tuple[str, ...] = ()

    @classmethod
    def from_overrides(
        cls, overrides: Sequence[str], options: Mapping[str, Sequence[str]]
    ) -> Recipe:
        """Return the recipe of overrides, a later one winning over an earlier one.

        Args:
            overrides: as on the command line.
            options: the options of every group.

        Raises:
            OverrideError: malformed, unsafe, or an unknown key.
            UnknownOption: no such option, or a model of another task.
        """
        checked = check(overrides, options)
        chosen = {item.key: str(item.value) for item in checked if item.key in options}
        set_by_hand = [item for item in checked if item.key not in options]
        apart = _apart(set_by_hand)
        values = {i.key: unescaped(i.value) for i in set_by_hand if _root(i.key) not in apart}
        extra = tuple(i.text for i in set_by_hand if _root(i.key) in apart)
        return cls(_with_task(chosen), values, extra)

    def choose(self, group: str, option: str | None) -> Recipe:
        """Return the recipe with an option chosen; None: the default's.

        A model brings its task; another task drops a model that does not do it.
        """
        chosen = {**self.choices}
        chosen.pop(group, None)
        if option is not None:
            chosen[group] = option
        task = chosen.get("task")
        if group == "model":
            chosen = _with_task({**chosen, **_task_of(option)})
        elif group == "task" and task is not None and "model" in chosen:
            own = chosen["model"].partition("/")[0]
            if task in TASKS and own != task:
                del chosen["model"]
        return replace(self, choices=chosen)

    def set(self, key: str, value: Any) -> Recipe:
        """Return the recipe with a value set explicitly."""
        return replace(self, values={**self.values, key: value})

    def reset(self, key: str) -> Recipe:
        """Return the recipe with a key as the options give it."""
        return replace(self, values={k: v for k, v in self.values.items() if k != key})

    def selections(self) -> list[str]:
        """Return the overrides that choose options, in the groups' order."""
        known = [group for group in GROUPS if group in self.choices]
        return [select(group, self.choices[group]) for group in known]

    def to_overrides(self, give: Give | None = None) -> list[str]:
        """Return the recipe's overrides.

        Args:
            give: composes; with it only what differs from what the options give is returned, and
                values of keys that the chosen options do not have are left out (they stay here).

        Raises:
            ConfigError: `give` cannot compose.
        """
        kept = dict(self.values) if give is None else self._needed(give)
        order = {key.path: place for place, key in enumerate(leaves(Config))}
        paths = sorted(kept, key=lambda path: (order.get(path, len(order)), path))
        return [*self.selections(), *(assign(path, kept[path]) for path in paths), *self.extra]

    def _needed(self, give: Give) -> dict[str, Any]:
        base = give(self.selections())
        able = {path: value for path, value in self.values.items() if path in base}
        kept = {path: value for path, value in able.items() if not _same(value, base[path])}
        # A key may follow another one (optim.learning_rate the model's): dropping it must not
        # change it, so what came out different is kept after all.
        while True:
            texts = [*self.selections(), *(assign(*item) for item in kept.items()), *self.extra]
            got = give(texts)
            lost = {p: v for p, v in able.items() if p not in kept and not _same(v, got.get(p))}
            if not lost:
                return kept
            kept.update(lost)


def models(task: str, options: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the options of `model` that do a task; of a task of the user's all."""
    found = list(options["model"])
    return [one for one in found if one.partition("/")[0] == task] if task in TASKS else found


def unescaped(value: Any) -> Any:
    r"""Return a value of an override or a file as OmegaConf will: `\${` stands for `${`."""
    if isinstance(value, str):
        return re.sub(r"(\\+)\$\{", lambda found: "\\" * (len(found[1]) // 2) + "${", value)
    if isinstance(value, list):
        return [unescaped(one) for one in value]
    if isinstance(value, dict):
        return {key: unescaped(one) for key, one in value.items()}
    return value


def _task_of(model: str | None) -> dict[str, str]:
    own = (model or "").partition("/")[0]
    return {"task": own} if own in TASKS else {}


def _with_task(chosen: Mapping[str, str]) -> dict[str, str]:
    """Return the choices with the task that a chosen model brings."""
    return {**_task_of(chosen.get("model")), **chosen}


def _root(path: str) -> str:
    """Return the key of the schema that holds a path: of one in a free mapping the mapping's."""
    found = find(path)
    return found.path if found else path


def _apart(items: Sequence[Override]) -> set[str]:
    """Return the keys whose overrides are kept as written: set inside, removed, or merged twice."""
    roots = [_root(item.key) for item in items]
    inside = {root for root, item in zip(roots, items, strict=True) if root != item.key}
    added = {root for root, item in zip(roots, items, strict=True) if item.prefix}
    merged = {
        root
        for root in roots
        if roots.count(root) > 1 and (key := find(root)) is not None and key.is_mapping
    }
    return inside | added | merged


def _same(value: Any, given: Any) -> bool:
    """Whether setting a value changes nothing; a mapping is merged into the given one."""
    if isinstance(value, dict) and isinstance(given, dict):
        return all(key in given and _same(one, given[key]) for key, one in value.items())
    return (type(value) is type(given) and value == given) or _equal_numbers(value, given)


def _equal_numbers(value: Any, given: Any) -> bool:
    numbers = (int, float)
    if isinstance(value, bool) or isinstance(given, bool):
        return False
    return isinstance(value, numbers) and isinstance(given, numbers) and value == given
