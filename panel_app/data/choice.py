"""Which data set is meant: overrides, composed and held against the folders that may be read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from cvcore.config.composer import Composer
from cvcore.config.schema import Config, DataConf
from cvcore.data.places import localise
from cvcore.data.readers import READERS
from panel_app.data.store import key_of
from panel_app.forms.recipe import Recipe
from panel_app.roots import Roots

_PATHS = ("train", "val", "test")
_PATH_ENDS = ("_images", "_masks")


@dataclass(frozen=True)
class Choice:
    """A data set.

    Attributes:
        overrides: as in the address and on the command line.
        conf: composed from them.
        key: names the data set's index.
    """

    overrides: tuple[str, ...]
    conf: Config
    key: str

    @property
    def kind(self) -> str:
        """The task."""
        return self.conf.task.kind

    @property
    def data(self) -> DataConf:
        """The group `data`."""
        return self.conf.data


def choose(composer: Composer, overrides: Sequence[str], roots: Roots) -> Choice:
    """Return the data set of overrides. Blocks for some 0.3 s: call it in a thread.

    Raises:
        ConfigError: the overrides can't be composed.
        DataError: a path leads out of the folders that may be read, or root is not set.
    """
    conf = composer.load(overrides)
    require_allowed(conf.data, roots)
    return Choice(tuple(overrides), conf, key_of(conf.data, conf.task.kind))


def require_allowed(data: DataConf, roots: Roots) -> None:
    """Refuse a data set that would read or write outside the allowed folders.

    Raises:
        DataError: which path, and what is allowed.
    """
    usual = next(f.default for f in fields(DataConf) if f.name == "cache_dir")
    if data.cache_dir != usual:
        roots.resolve(data.cache_dir)
    if data.reader == "digits" or data.root is None:
        return
    root = localise(data.root)
    if data.root.startswith("/Volumes/") and not root.exists():
        return  # not on this machine: nothing can be read, only chosen
    roots.resolve(data.root)
    for one in fields(data):
        value = getattr(data, one.name)
        named = one.name in (*_PATHS, "classes") or one.name.endswith(_PATH_ENDS)
        if named and isinstance(value, str):
            roots.resolve(str(root / value))


def with_task(recipe: Recipe, task: str, reader: str, options: Mapping[str, Any]) -> Recipe:
    """Return the recipe with a task; a reader that does not serve it makes way for one that does."""
    kept = recipe.choose("task", task)
    if task in READERS[reader].kinds:
        return kept
    fitting = [name for name in options["data"] if name in readers_of(task)]
    return with_reader(kept, fitting[0])


def with_reader(recipe: Recipe, reader: str) -> Recipe:
    """Return the recipe with another reader; settings that only the old one has are dropped."""
    kept = {
        key: value
        for key, value in recipe.values.items()
        if not key.startswith("data.") or key == "data.root"
    }
    if reader == "digits":
        kept.pop("data.root", None)
    return replace(recipe, values=kept).choose("data", reader)


def readers_of(task: str) -> list[str]:
    """Return the readers that serve a task, in the table's order."""
    return [name for name, reader in READERS.items() if task in reader.kinds]


def in_volume(data: DataConf) -> str:
    """Return the path of a data set in a Volume that this machine does not mount; "" otherwise."""
    root = data.root or ""
    path = root.removeprefix("dbfs:")
    if not path.startswith("/Volumes/") or Path(localise(path)).exists():
        return ""
    return path
