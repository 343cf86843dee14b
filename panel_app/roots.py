"""Folders that a page may look into: every path that a user gives is resolved here first.

On one's own machine those are this folder, the home folder and what `--root` names. Behind a proxy
many people share the app's process, so there it is only Volumes and what `--root` names.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cvcore.data.places import MOUNTS_VARIABLE, localise
from cvcore.errors import DataError

_VOLUMES = ("LAKESIGHT_DATA", "LAKESIGHT_VOLUME")
_MAX_ENTRIES = 2_000
"""Of one listing: more are counted, not shown; a person types on."""


@dataclass(frozen=True)
class Entry:
    """A file or folder in a listing.

    Attributes:
        name: last part of its path; may contain anything a file name may: escape it.
        path: as a user would write it, e.g. "/Volumes/main/vision/data/cats".
        is_folder: whether it can be listed.
        size_bytes: of a file; 0 of a folder.
    """

    name: str
    path: str
    is_folder: bool
    size_bytes: int = 0


@dataclass(frozen=True)
class Listing:
    """What is in a folder.

    Attributes:
        path: of the folder, as a user would write it; "" for the list of roots.
        parent: of the folder above; "" for the list of roots; None where there is none above.
        entries: folders first, then files, by name; hidden ones left out.
        total: how many there are; more than `entries` where the list was cut.
    """

    path: str
    parent: str | None
    entries: tuple[Entry, ...]
    total: int


class Roots:
    """The allowed roots. Blocking (it asks the file system), thread-safe, never changes.

    Example:
        >>> Roots(["/data"]).resolve("/etc/passwd")
        Traceback (most recent call last):
        cvcore.errors.DataError: '/etc/passwd' is outside the folders that this app may read ...
    """

    def __init__(self, folders: Iterable[str | Path]) -> None:
        """Take folders as a user writes them; one that does not exist yet is allowed.

        Raises:
            DataError: a folder is on a store that is not mounted.
        """
        self.folders = tuple(dict.fromkeys(_tidy(str(folder)) for folder in folders))
        self._real = tuple(localise(folder).absolute().resolve() for folder in self.folders)

    @classmethod
    def of(
        cls,
        given: Iterable[str | Path] = (),
        *,
        shared: bool = False,
        environment: Mapping[str, str] | None = None,
    ) -> Roots:
        """Return the roots of an app.

        Args:
            given: by `--root`.
            shared: whether other people than the one who started the app can reach it.
            environment: where LAKESIGHT_DATA, LAKESIGHT_VOLUME and LAKESIGHT_MOUNTS are looked up;
                None: this process's.

        Raises:
            DataError: as the constructor.
        """
        env = os.environ if environment is None else environment
        mounts = env.get(MOUNTS_VARIABLE, "").split(os.pathsep)
        volumes = [pair.partition("=")[0] for pair in mounts] + [env.get(v, "") for v in _VOLUMES]
        own = [] if shared else [Path.cwd(), Path.home()]
        return cls([*given, *own, *(volume for volume in volumes if volume)])

    def resolve(self, text: str) -> Path:
        """Return the real path of what a user wrote: absolute, without links, under a root.

        It need not exist. A relative path is one of the app's folder; `~`, `file:` and `dbfs:` are
        understood as everywhere (`cvcore.data.places`). Use the answer, not the text.

        Raises:
            DataError: it is empty, leads outside the roots (by `..`, a link or as it is), or is on a
                store that is not mounted.
        """
        if "\0" in text:
            raise DataError("a path with a NUL character is not a path. Type it again.")
        try:
            real = localise(text).absolute().resolve()
        except (OSError, RuntimeError) as error:
            # A link to itself; a user of `~user` that there is not.
            raise DataError(f"{text!r} can't be followed to a file or folder: {error}.") from error
        if not any(real.is_relative_to(root) for root in self._real):
            raise DataError(
                f"{text!r} is outside the folders that this app may read: {self.in_words()}. "
                "Give a path in one of them, or start the app with --root FOLDER."
            )
        return real

    def list(self, text: str = "") -> Listing:
        """Return what is in a folder; of "" the roots themselves.

        What a link leads out of the roots is left out.

        Raises:
            DataError: as `resolve`, or it is no folder, or this process may not read it.
        """
        if not text.strip():
            found = [f for f, real in zip(self.folders, self._real, strict=True) if real.is_dir()]
            return Listing("", None, tuple(Entry(f, f, True) for f in found), len(found))
        real = self.resolve(text)
        try:
            with os.scandir(real) as scanned:
                visible = [one for one in scanned if not one.name.startswith(".")]
        except NotADirectoryError:
            raise DataError(f"{text!r} is a file, not a folder.") from None
        except FileNotFoundError:
            raise DataError(f"{text!r} does not exist. Go one folder up and choose.") from None
        except OSError as error:
            raise DataError(f"{text!r} can't be read: {error.strerror}.") from error
        visible.sort(key=lambda one: (not _is_folder(one), one.name.casefold()))
        path = self.shown(real)
        made = [self._entry(path, one) for one in visible[:_MAX_ENTRIES]]
        entries = tuple(entry for entry in made if entry is not None)
        parent = "" if real in self._real else self.shown(real.parent)
        return Listing(path, parent, entries, len(visible) - made.count(None))

    def shown(self, real: Path) -> str:
        """Return a resolved path as a user would write it: of a mounted Volume, /Volumes/..."""
        pairs = zip(self._real, self.folders, strict=True)
        under = [(root, folder) for root, folder in pairs if real.is_relative_to(root)]
        if not under:
            return str(real)
        root, folder = max(under, key=lambda pair: len(pair[0].parts))
        return str(Path(folder, real.relative_to(root)))

    def in_words(self) -> str:
        """Return the roots for a sentence."""
        return ", ".join(self.folders) or "none (neither a Volume nor --root is set)"

    def _entry(self, path: str, one: os.DirEntry[str]) -> Entry | None:
        try:
            if one.is_symlink():
                target = Path(one.path).resolve()
                if not any(target.is_relative_to(root) for root in self._real):
                    return None
            is_folder = _is_folder(one)
            size = 0 if is_folder else one.stat().st_size
        except (OSError, RuntimeError):
            return None  # gone meanwhile, or a link to nothing
        return Entry(one.name, f"{path.rstrip('/')}/{one.name}", is_folder, size)


def _is_folder(one: os.DirEntry[str]) -> bool:
    try:
        return one.is_dir()
    except OSError:
        return False  # a link to itself


def _tidy(text: str) -> str:
    """Return a root without `..`, `~` or scheme; a Volume stays /Volumes/... wherever it is mounted."""
    if text.lower().startswith("dbfs:/volumes/"):
        text = text[len("dbfs:") :]
    if ":" in text.partition("/")[0]:
        return str(localise(text))
    return str(Path(os.path.normpath(Path(text).expanduser())).absolute())
