"""The recipes there are: those that come with Lakesight and the user's, with their earlier versions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cvcore.config.composer import Composer
from cvcore.config.paths import conf_dir, default_conf_dir
from cvcore.errors import ConfigError, did_you_mean
from panel_app.forms.files import history, load, remove, save
from panel_app.forms.recipe import Recipe
from panel_app.forms.spec import comment


@dataclass(frozen=True)
class Version:
    """A recipe's file as it was.

    Attributes:
        number: of the version, from 1; the newest one has none.
        saved_at: seconds since 1970.
    """

    number: int
    saved_at: float


@dataclass(frozen=True)
class Listed:
    """A recipe.

    Attributes:
        title: what `experiment=` takes.
        about: what it says of itself, else what it sets.
        is_own: whether it is the user's.
        saved_at: seconds since 1970; 0 of those that come with Lakesight.
        versions: earlier ones, newest first.
    """

    title: str
    about: str
    is_own: bool
    saved_at: float = 0.0
    versions: tuple[Version, ...] = ()


class Shelf:
    """Recipes as files. Blocking: call it in threads."""

    def __init__(self, composer: Composer) -> None:
        """Take the conf folders of a composer."""
        self.composer = composer

    @property
    def folder(self) -> Path:
        """Where recipes are saved: the user's first conf folder, else the default one."""
        return next(iter(self.composer.search_path), default_conf_dir())

    def entries(self) -> list[Listed]:
        """Return all recipes, the user's first, newest first."""
        own: dict[str, Path] = {path.stem: path for path in reversed(self._own_paths())}
        found = [self._listed(path) for path in own.values()]
        found.sort(key=lambda one: -one.saved_at)
        shipped = sorted((conf_dir() / "experiment").glob("[!_]*.yaml"))
        return [*found, *(Listed(path.stem, comment(path), False) for path in shipped)]

    def is_own(self, title: str) -> bool:
        """Whether a recipe is the user's."""
        return self._path(title) is not None

    def load(self, title: str, number: int = 0) -> Recipe:
        """Return a recipe.

        Args:
            title: of it.
            number: of an earlier version; 0: the newest.

        Raises:
            ConfigError: there is none, or its file can't be understood.
        """
        options = self.composer.all_options()
        path = self._path(title)
        if path is None:
            if title in options["experiment"]:
                return Recipe().choose("experiment", title)
            near = did_you_mean(title, options["experiment"])
            raise ConfigError(f"There is no recipe {title!r}.{near}")
        if number:
            path = path.parent / "_history" / f"{title}.{number}.yaml"
        try:
            return load(path, options)
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"The recipe {title!r} can't be read ({error}).") from error

    def save(self, recipe: Recipe, title: str, *, is_replaced: bool) -> Path:
        """Save a recipe; see `panel_app.forms.files.save`.

        Raises:
            ConfigError: as there, or the folder can't be written.
        """
        path = self._path(title)
        folder = path.parents[1] if path else self.folder
        try:
            return save(recipe, title, folder, is_replaced=is_replaced)
        except OSError as error:
            raise ConfigError(
                f"The recipe can't be written to {folder} ({error.strerror}). Set LAKESIGHT_CONF_PATH "
                "to a folder that can be."
            ) from error

    def remove(self, title: str) -> None:
        """Take away a recipe of the user's; its versions stay.

        Raises:
            ConfigError: it is not one, or can't be removed.
        """
        path = self._path(title)
        if path is None:
            raise ConfigError(f"{title!r} is no recipe of yours: it can't be deleted.")
        try:
            remove(path)
        except OSError as error:
            raise ConfigError(f"{title!r} can't be deleted ({error.strerror}).") from error

    def _own_paths(self) -> list[Path]:
        folders = self.composer.search_path
        return [path for one in folders for path in (one / "experiment").glob("[!_.]*.yaml")]

    def _path(self, title: str) -> Path | None:
        return next((path for path in self._own_paths() if path.stem == title), None)

    def _listed(self, path: Path) -> Listed:
        try:
            about = " ".join(load(path, self.composer.all_options()).to_overrides())
        except (ConfigError, OSError, UnicodeDecodeError) as error:
            about = f"can't be used: {error}"
        versions = [
            Version(int(old.name.split(".")[-2]), old.stat().st_mtime)
            for old in history(path.stem, path.parents[1])
        ]
        said = comment(path)
        return Listed(path.stem, said or about, True, path.stat().st_mtime, tuple(versions[::-1]))
