"""Composes overrides into a run's configuration: the one door for command line, app and notebook.

Safe under threads: Hydra's state is process-wide, so one lock guards it. Results are cached.
"""

from __future__ import annotations

import re
import shlex
import threading
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig, OmegaConf, flag_override

from cvcore.config.check import check, check_model, complete
from cvcore.config.keys import groups
from cvcore.config.overrides import assign
from cvcore.config.paths import conf_dir, default_conf_dir, user_conf_dirs
from cvcore.config.schema import Config
from cvcore.config.store import register
from cvcore.config.translate import Translatable, from_hydra
from cvcore.config.validate import typed
from cvcore.errors import UnknownOption

_LOCK = threading.RLock()


class Composer:
    """Composes, lists options and writes commands.

    Example:
        >>> composer = Composer()
        >>> composer.options("compute")
        ['databricks_cluster', 'databricks_job', 'databricks_serverless', 'hostfile', 'local']
        >>> composer.load(["task=detection", "optim.learning_rate=1e-3"]).optim.learning_rate
        0.001
    """

    def __init__(self, search_path: Sequence[str | Path] | None = None) -> None:
        """Take the user's conf folders.

        Args:
            search_path: folders laid out like `conf/`; their options add to ours and cannot
                replace them. None: as `user_conf_dirs` finds them.

        Raises:
            ConfigError: one of them is not a folder.
        """
        self.search_path = user_conf_dirs(search_path)

    def groups(self) -> list[str]:
        """Return the groups an option can be chosen of, `experiment` last."""
        return [*groups(), "experiment"]

    def options(self, group: str) -> list[str]:
        """Return the options of a group, sorted; of `model` with their task: `detection/detr_r50`.

        Raises:
            UnknownOption: no such group.
        """
        if group not in self.groups():
            raise UnknownOption(f"{group!r} is not a group. Groups: {', '.join(self.groups())}.")
        return sorted({option for folder in self._folders() for option in _options(folder, group)})

    def all_options(self) -> dict[str, list[str]]:
        """Return the options of every group."""
        return {group: self.options(group) for group in self.groups()}

    def compose(self, overrides: Sequence[str] = ()) -> DictConfig:
        """Return the composed configuration: read-only, interpolations not yet resolved.

        Args:
            overrides: as on the command line, e.g. ["task=detection", "run.title='a b'"].

        Raises:
            OverrideError: an override is malformed, unsafe, of the wrong type or an unknown key.
            UnknownOption: no such option, or a model of another task.
            ConfigError: a file of the user cannot be composed.
        """
        return self._composed(overrides)[0]

    def choices(self, overrides: Sequence[str] = ()) -> Mapping[str, str]:
        """Return the option of each group that overrides come to, those of recipes included.

        Raises:
            ConfigError: as `compose`.
        """
        found = self._composed(overrides)[1]
        return {group: found[group] for group in groups() if group in found}

    def _composed(self, overrides: Sequence[str]) -> tuple[DictConfig, Mapping[str, str]]:
        options = self.all_options()
        check(overrides, options)
        texts = tuple(complete(overrides))
        try:
            with _LOCK:
                composed, chosen = _compose(self.search_path, texts, self._stamp())
        except Translatable as error:
            raise from_hydra(error, options) from None
        check_model(chosen["model"], OmegaConf.select(composed, "task.kind"), options["model"])
        return composed, chosen

    def load(self, overrides: Sequence[str] = ()) -> Config:
        """Return the typed, checked configuration that core code takes.

        Raises:
            ConfigError: as `compose`, and values out of bounds or that do not fit together.
        """
        return typed(self.compose(overrides))

    def command(self, overrides: Sequence[str] = (), verb: str = "train") -> str:
        """Return the shell command that does the same."""
        needed = [folder for folder in self.search_path if folder != default_conf_dir()]
        folders = [part for folder in needed for part in ("--config-dir", str(folder))]
        return " ".join(map(_shell, ["lakesight", verb, *folders, *overrides]))

    def _folders(self) -> list[Path]:
        return [conf_dir(), *self.search_path]

    def _stamp(self) -> tuple[tuple[str, int], ...]:
        """Return what changes when a file in the user's folders does, so that caches notice."""
        files = sorted(path for folder in self.search_path for path in folder.rglob("*.yaml"))
        return tuple((str(path), path.stat().st_mtime_ns) for path in files)


def load(overrides: Sequence[str] = ()) -> Config:
    """Return the typed, checked configuration of overrides; see `Composer.load`."""
    return Composer().load(overrides)


def _shell(word: str) -> str:
    """Quote a word for a POSIX shell; in double quotes where single ones would be unreadable."""
    if "'" in word and not re.search(r'["$`\\!\n]', word):
        return f'"{word}"'
    return shlex.quote(word)


def _options(folder: Path, group: str) -> Iterator[str]:
    root = folder / group
    for path in root.rglob("*.yaml"):
        parts = path.relative_to(root).with_suffix("").parts
        if not any(part.startswith("_") for part in parts):
            yield "/".join(parts)


@lru_cache(maxsize=128)
def _compose(
    search_path: tuple[Path, ...], overrides: tuple[str, ...], _stamp: tuple[tuple[str, int], ...]
) -> tuple[DictConfig, Mapping[str, str]]:
    """Return the configuration and the option of each group. The caller holds the lock."""
    register()
    where = [assign("hydra.searchpath", [f"file://{folder}" for folder in search_path])]
    state = GlobalHydra.instance()
    # A program that runs under Hydra may compose too: its state is put aside and back.
    outer, state.hydra = state.hydra, None
    try:
        with initialize_config_dir(str(conf_dir()), version_base="1.3", job_name="lakesight"):
            composed = compose(
                "config",
                overrides=[*(where if search_path else ()), *overrides],
                return_hydra_config=True,
            )
    finally:
        GlobalHydra.instance().hydra = outer  # leaving the block has put another object there
    chosen = {str(group): str(one) for group, one in composed.hydra.runtime.choices.items()}
    with flag_override(composed, "struct", False):
        del composed["hydra"]
    OmegaConf.set_readonly(composed, True)
    return composed, chosen
