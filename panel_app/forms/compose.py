"""What composing tells a form: values, faults by key, the command. Off the event loop, debounced.

`Live` belongs to one session; the function that composes is given to it.
"""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from cvcore.config.composer import Composer
from cvcore.config.keys import find
from cvcore.config.schema import Config
from cvcore.config.validate import faults, plain, typed
from cvcore.errors import ConfigError
from panel_app.forms.recipe import Recipe

DELAY_S = 0.2
_KEPT = 64
_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


@dataclass(frozen=True)
class Composed:
    """The answer to overrides.

    Attributes:
        values: dotted key -> value, free mappings whole; empty if it could not be composed.
        faults: dotted key -> sentence; the key "" is the whole recipe.
        command: the shell command that does the same.
        overrides: what was composed.
        given: the values that the chosen options alone give.
        choices: group -> its option.
        text: the configuration as YAML.
    """

    values: Mapping[str, Any]
    faults: Mapping[str, str]
    command: str
    overrides: tuple[str, ...] = ()
    given: Mapping[str, Any] = field(default_factory=dict)
    choices: Mapping[str, str] = field(default_factory=dict)
    text: str = ""


def compose(composer: Composer, overrides: Sequence[str]) -> Composed:
    """Return what overrides compose to; blocks for 0.1 s: call it in a thread."""
    found = Composed({}, {}, composer.command(overrides), tuple(overrides))
    try:
        raw = composer.compose(overrides)
        nested = plain(raw)
    except ConfigError as error:
        return replace(found, faults={_key_in(str(error)): str(error)})
    found = replace(
        found,
        values=flat(nested),
        choices=composer.choices(overrides),
        text=yaml.dump(nested, Dumper=_DUMPER, sort_keys=False, allow_unicode=True),
    )
    try:
        typed(raw)
    except ConfigError as error:
        return replace(found, faults=_by_key(raw, str(error)))
    return found


def answer(composer: Composer, overrides: Sequence[str]) -> Composed:
    """Return what a recipe's overrides compose to, those left out that change nothing; blocks."""
    recipe = Recipe.from_overrides(overrides, composer.all_options())
    ask = give(composer)
    try:
        given = ask(recipe.selections())
        fewest = recipe.to_overrides(ask)
    except ConfigError:
        # The sentence is that of composing all of it.
        return compose(composer, overrides)
    return replace(compose(composer, fewest), given=given)


def give(composer: Composer) -> Callable[[Sequence[str]], Mapping[str, Any]]:
    """Return the function that `Recipe.to_overrides` composes with.

    Raises:
        ConfigError: when called, and the overrides cannot be composed.
    """
    return lambda overrides: flat(plain(composer.compose(overrides)))


def flat(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration's values by dotted key; free mappings and lists stay whole."""
    found: dict[str, Any] = {}

    def add(part: Mapping[str, Any], prefix: str) -> None:
        for name, value in part.items():
            path = f"{prefix}{name}"
            key = find(path)
            if isinstance(value, Mapping) and (key is None or key.schema):
                add(value, f"{path}.")
            else:
                found[path] = value

    add(values, "")
    return found


def _key_in(sentence: str) -> str:
    """Return the key that a sentence is about: its first word, or the key of a quoted override."""
    start = re.match(r"'?([a-z_]+(?:\.[\w]+)*)", sentence)
    found = find(start[1]) if start else None
    return found.path if found and not found.schema else ""


def _by_key(raw: Any, sentence: str) -> dict[str, str]:
    try:
        config = OmegaConf.to_object(raw)
    except OmegaConfBaseException:
        return {_key_in(sentence): sentence}
    return faults(config) if isinstance(config, Config) else {"": sentence}


class Live:
    """Composes what is asked for last, a moment after the last change.

    Args of `__init__`: how to compose, whom to tell, how to wait (a test gives another clock).
    """

    def __init__(
        self,
        work: Callable[[tuple[str, ...]], Awaitable[Composed]],
        show: Callable[[Composed], None],
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        delay_s: float = DELAY_S,
    ) -> None:
        """Start with nothing asked for."""
        self._work, self._show, self._sleep, self._delay_s = work, show, sleep, delay_s
        self._cache: OrderedDict[tuple[str, ...], Composed] = OrderedDict()
        self._task: asyncio.Task[None] | None = None

    def ask(self, overrides: Sequence[str]) -> None:
        """Ask for overrides to be composed; what was asked for before is dropped."""
        self.close()
        wanted = tuple(overrides)
        if wanted in self._cache:
            self._cache.move_to_end(wanted)
            self._show(self._cache[wanted])
            return
        self._task = asyncio.get_running_loop().create_task(self._answer(wanted))

    def forget(self) -> None:
        """Forget the answers: the files on disk have changed."""
        self._cache.clear()

    def close(self) -> None:
        """Drop what is under way; the session's end calls it too."""
        if self._task is not None:
            self._task.cancel()
        self._task = None

    async def _answer(self, wanted: tuple[str, ...]) -> None:
        await self._sleep(self._delay_s)
        found = await self._work(wanted)
        self._cache[wanted] = found
        while len(self._cache) > _KEPT:
            self._cache.popitem(last=False)
        self._show(found)


def in_thread(composer: Composer) -> Callable[[tuple[str, ...]], Awaitable[Composed]]:
    """Return the function for `Live` that composes in a thread."""

    async def work(overrides: tuple[str, ...]) -> Composed:
        return await asyncio.to_thread(answer, composer, overrides)

    return work
