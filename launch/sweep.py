"""Expands the overrides of a sweep, by Hydra's own grammar, into those of its runs."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException

from cvcore.config.composer import Composer
from cvcore.config.overrides import parse
from cvcore.errors import OverrideError

MOST = 1000
"""Runs of one sweep."""


def expand(overrides: Sequence[str], composer: Composer | None = None) -> list[list[str]]:
    """Return the overrides of each run, in Hydra's order: the last sweep varies fastest.

    Example:
        >>> expand(["seed=1,2", "optim=sgd"])
        [['seed=1', 'optim=sgd'], ['seed=2', 'optim=sgd']]

    Raises:
        OverrideError: one can't be read, is continuous (`interval`), or there are too many runs.
    """
    parts = [_values(text, composer or Composer()) for text in overrides]
    count = 1
    for part in parts:
        count *= len(part)
    if count > MOST:
        raise OverrideError(
            f"The sweep has {count} runs; at most {MOST} are submitted at once. Give fewer values."
        )
    return [list(combination) for combination in itertools.product(*parts)]


def parsed(text: str, composer: Composer) -> Override:
    """Return a sweep as Hydra's own object; `composer` knows what `glob(...)` means.

    Raises:
        OverrideError: it can't be read.
    """
    try:
        found: Override = _parser(composer).parse_overrides([text])[0]
        return found
    except HydraException as error:
        raise _unexpandable(text, error) from None


def texts(found: Override) -> list[str]:
    """Return the values of a discrete sweep, as they are written.

    Raises:
        OverrideError: they can't be enumerated.
    """
    try:
        return list(found.sweep_string_iterator())
    except HydraException as error:
        raise _unexpandable(str(found.input_line), error) from None


def _values(text: str, composer: Composer) -> list[str]:
    if not parse(text).is_sweep:  # says what is wrong, in words
        return [text]
    found = parsed(text, composer)
    key = found.get_key_element()
    if not found.is_discrete_sweep():
        raise OverrideError(
            f"{text!r} has no list of values. Write them out, e.g. {key}=1e-4,3e-4, or use "
            "range(...); `lakesight submit --search` chooses values in between."
        )
    return [f"{key}={value}" for value in texts(found)]


def _unexpandable(text: str, error: Exception) -> OverrideError:
    return OverrideError(f"{text!r} can't be expanded ({str(error).splitlines()[0]}).")


def _parser(composer: Composer) -> OverridesParser:
    return OverridesParser.create(_Options(composer))  # type: ignore[arg-type]


class _Options:
    """What `glob(...)` asks of Hydra's loader: the options of a group."""

    def __init__(self, composer: Composer) -> None:
        self.composer = composer

    def get_group_options(self, group: str, **_: object) -> list[str]:
        """Return the options of a group."""
        return self.composer.options(group)
