"""A recipe being edited: what is chosen and typed, what it composes to, what is wrong with it.

One per session; it holds no widgets. What a person typed and cannot be a value is kept as a draft next
to its fault, so that nothing typed is lost and no other field is touched.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cvcore.config.check import check
from cvcore.config.composer import Composer
from cvcore.config.keys import DATA_SCHEMAS, Key, find, leaves
from cvcore.config.overrides import assign, parse, quote
from cvcore.config.schema import compute_schema
from cvcore.errors import ConfigError, OverrideError
from panel_app.forms.compose import Composed, Live, in_thread
from panel_app.forms.fields import BY_OPTION, convert, from_text, to_text
from panel_app.forms.recipe import Recipe

NOTHING = Composed({}, {}, "lakesight train")


class Editor:
    """The state behind the forms.

    Attributes:
        recipe: what was chosen and set.
        sweeps: overrides with several values, as written; each makes runs of a sweep.
        composed: the newest answer; with a fault the values shown are the last that composed.
        is_settled: whether the answer is that of what is entered now.
    """

    def __init__(self, changed: Callable[[], None], answered: Callable[[], None]) -> None:
        """Start with the defaults.

        Args:
            changed: told that something was entered.
            answered: told that the answer has come.
        """
        self._changed, self._answered = changed, answered
        self.recipe = Recipe()
        self.sweeps: tuple[str, ...] = ()
        self.drafts: dict[str, str] = {}
        self.draft_faults: dict[str, str] = {}
        self.composed = NOTHING
        self.values: Mapping[str, Any] = {}
        self.given: Mapping[str, Any] = {}
        self.choices: Mapping[str, str] = {}
        self.is_settled = False
        self.use(Composer())

    def use(self, composer: Composer) -> None:
        """Compose with these folders from now on."""
        self.composer = composer
        self.options = composer.all_options()
        self.live = Live(in_thread(composer), self._take)

    def close(self) -> None:
        """Drop what is under way."""
        self.live.close()

    # ------------------------------------------------------------------ changes

    def choose(self, group: str, option: str | None) -> None:
        """Choose an option of a group; None: the default's."""
        self.recipe = self.recipe.choose(group, option)
        if group == "experiment" or self.drafts:
            self._drop_drafts(group)
        self._asked()

    def enter(self, key: str, text: str) -> None:
        """Take what a person typed into a field."""
        known = find(key)
        if known is None or known.schema:
            return
        try:
            if key in BY_OPTION:
                raise OverrideError(f"{key} comes with the option of its group: choose another.")
            value = from_text(known, text)
        except OverrideError as error:
            self.drafts[key], self.draft_faults[key] = text, str(error)
            self._asked()
            return
        self._forget(key)
        self.recipe = self.recipe.set(key, value)
        self._asked()

    def reset(self, key: str) -> None:
        """Take a field's value from the options again."""
        self._forget(key)
        self.recipe = self.recipe.reset(key)
        self._asked()

    def add(self, overrides: Sequence[str], *, is_sweep: bool = False) -> None:
        """Take overrides as they are written on a command line; all or none.

        Args:
            overrides: the texts.
            is_sweep: those with several values make a sweep; otherwise they are refused.

        Raises:
            ConfigError: one of them is not allowed, or several values are.
        """
        several = [text for text in overrides if is_sweep and parse(text).is_sweep]
        single = [text for text in overrides if text not in several]
        check(several, self.options, for_hydra=True)
        for text in several:
            if parse(text).key.startswith("hydra"):
                raise OverrideError(f"{text!r} changes Hydra itself, which overrides may not.")
        found = Recipe.from_overrides([*self.recipe.to_overrides(), *single], self.options)
        for text in single:
            known = find(parse(text).key)
            if known is not None and known.path in found.values:
                convert(known, found.values[known.path])
                self._forget(known.path)
        self.recipe = found
        keys = {parse(text).key for text in several}
        kept = tuple(text for text in self.sweeps if parse(text).key not in keys)
        self.sweeps = (*kept, *several)
        self._asked()

    def remove(self, text: str) -> None:
        """Take away an override that no field shows, or a sweep."""
        extra = tuple(one for one in self.recipe.extra if one != text)
        self.recipe = Recipe(self.recipe.choices, self.recipe.values, extra)
        self.sweeps = tuple(one for one in self.sweeps if one != text)
        self._asked()

    def load(self, recipe: Recipe) -> None:
        """Edit another recipe."""
        self.recipe, self.sweeps = recipe, ()
        self.drafts, self.draft_faults = {}, {}
        self._asked()

    def restore(self, text: str) -> list[str]:
        """Edit the overrides of an address, as `query` wrote them.

        Returns:
            One sentence for each override that is left out.
        """
        try:
            words = shlex.split(text)
        except ValueError as error:
            words, faults = [], [f"The overrides of the address can't be read ({error})."]
        else:
            faults = []
        self.recipe, self.sweeps = Recipe(), ()
        self.drafts, self.draft_faults = {}, {}
        kept: list[str] = []
        for word in words:
            try:
                self._restore_one(word, kept)
            except ConfigError as error:
                faults.append(str(error))
        self._asked()
        return faults

    def _restore_one(self, word: str, kept: list[str]) -> None:
        found = parse(word)
        if found.is_sweep:
            self.add([word], is_sweep=True)
            return
        key = find(found.key)
        if key is not None and key.path == found.key and not key.schema and not found.prefix:
            check([word], self.options)
            self._restore_value(key, found.value, word, kept)
            return
        self.recipe = Recipe.from_overrides([*kept, word], self.options)
        kept.append(word)

    def _restore_value(self, key: Key, value: Any, word: str, kept: list[str]) -> None:
        try:
            convert(key, value)
        except OverrideError as error:
            self.drafts[key.path] = value if isinstance(value, str) else to_text(value)
            self.draft_faults[key.path] = str(error)
            return
        self.recipe = Recipe.from_overrides([*kept, word], self.options)
        kept.append(word)

    # ------------------------------------------------------------------ what it is

    def overrides(self) -> list[str]:
        """Return the overrides of the run: of a sweep with its several values."""
        fewest = self.composed.overrides if self.is_settled else self.recipe.to_overrides()
        return [*fewest, *self.sweeps]

    def query(self) -> str:
        """Return all that is entered as one text for the address, drafts included."""
        kept = {key: text for key, text in self.drafts.items() if quotable(text)}
        base = [text for text in self.recipe.to_overrides() if text.partition("=")[0] not in kept]
        drafts = [assign(key, text) for key, text in kept.items()]
        return shlex.join([*base, *drafts, *self.sweeps])

    def faults(self) -> dict[str, str]:
        """Return what keeps it from running: key -> sentence; the key "" is the whole recipe."""
        return {**self.composed.faults, **self.draft_faults}

    def schema(self, group: str) -> type | None:
        """Return the dataclass of a group as it is chosen now."""
        if group == "data" and self.values.get("data.reader") in DATA_SCHEMAS:
            return DATA_SCHEMAS[self.values["data.reader"]]
        if group == "compute":
            return compute_schema(
                {key: self.values.get(f"compute.{key}") for key in ("kind", "way")}
            )
        found = find(group)
        return found.schema if found else None

    def keys(self, group: str) -> list[Key]:
        """Return the keys of a group that a person may set, and that act on a run."""
        schema = self.schema(group)
        found = leaves(schema, f"{group}.") if schema else iter(())
        return [
            key
            for key in found
            if key.path not in BY_OPTION and not (key.info and key.info.of_endpoint)
        ]

    def state(self, keys: Sequence[Key]) -> dict[str, dict[str, Any]]:
        """Return what the fields of keys show: text, fault, whether it was changed, what is given."""
        faults = self.faults()
        return {key.path: self._state_of(key, faults.get(key.path, "")) for key in keys}

    def _state_of(self, key: Key, fault: str) -> dict[str, Any]:
        own = self.recipe.values
        given = self.given.get(key.path, None if "???" in str(key.default) else key.default)
        if key.is_mapping:
            value = own.get(key.path)
            is_changed = bool(value)
        else:
            value = own.get(key.path, self.values.get(key.path, given))
            is_changed = key.path in own and value != given
        if key.path in self.drafts:
            return {"text": self.drafts[key.path], "fault": fault, "changed": True,
                    "given": to_text(given)}  # fmt: skip
        given_text = "" if key.is_mapping else to_text(given)
        text = "" if key.is_mapping and not value else to_text(value)
        return {"text": text, "fault": fault, "changed": is_changed, "given": given_text}

    # ------------------------------------------------------------------ composing

    def ask(self) -> None:
        """Ask for the answer to what is entered."""
        self.live.ask(self.recipe.to_overrides())

    def _asked(self) -> None:
        self.is_settled = False
        self.ask()
        self._changed()

    def _take(self, composed: Composed) -> None:
        self.composed = composed
        if composed.values:
            self.values, self.choices = composed.values, composed.choices
            self.given = composed.given or self.given
        self.is_settled = True
        self._answered()

    def _forget(self, key: str) -> None:
        self.drafts.pop(key, None)
        self.draft_faults.pop(key, None)

    def _drop_drafts(self, group: str) -> None:
        for key in [key for key in self.drafts if key.startswith(f"{group}.")]:
            self._forget(key)


def quotable(text: str) -> bool:
    """Whether an override can say a text."""
    try:
        quote(text)
    except OverrideError:
        return False
    return True
