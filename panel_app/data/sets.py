"""The data sets of one app process: their indexes, inspections and pictures. Thread-safe; blocking.

Nothing here knows sessions: they ask. One of these belongs to each `Services`.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cvcore.config.composer import Composer
from cvcore.data.places import MOUNTS_VARIABLE, localise
from cvcore.data.readers import open_splits
from cvcore.data.records import Record, Split
from cvcore.errors import DataError
from panel_app.data import pictures
from panel_app.data.as_json import in_table
from panel_app.data.choice import Choice, choose, in_volume, require_allowed
from panel_app.data.index import Index
from panel_app.data.inspection import Inspection
from panel_app.data.jobs import Jobs
from panel_app.data.store import home, is_fresh, prune, touch
from panel_app.data.volumes import MAX_BYTES
from panel_app.data.worker import data_conf
from panel_app.media import Answer
from panel_app.roots import Roots
from panel_app.services import Services

_OPEN = 8
_TABLES = 2


class DataSets:
    """See this module."""

    def __init__(self, services: Services) -> None:
        """Have the pictures' addresses answered.

        Args:
            services: of the process.
        """
        self.jobs = Jobs()
        self.composer = Composer()
        self.roots: Roots = services.roots
        self._media = services.media
        self._lock = threading.Lock()
        self._indexes: OrderedDict[str, Index] = OrderedDict()
        self._choices: OrderedDict[tuple[str, ...], Choice] = OrderedDict()
        self._tables: OrderedDict[str, dict[str, Split]] = OrderedDict()
        self._inspections: OrderedDict[str, tuple[int, Inspection]] = OrderedDict()
        self._data: dict[str, dict[str, Any]] = {}
        self._media.register("data-thumbnail", self._thumbnail)
        self._media.register("data-image", self._image)
        self._media.register("data-mask", self._mask)
        self._media.register("data-drawn", self._drawn)
        self._media.register("data-augmented", self._augmented)
        self._media.register("data-findings", self._findings)

    def choose(self, overrides: tuple[str, ...]) -> Choice:
        """Return the data set of overrides.

        Raises:
            ConfigError, DataError: as `panel_app.data.choice.choose`.
        """
        with self._lock:
            known = self._choices.get(overrides)
        if known is not None:
            require_allowed(known.data, self.roots)
            return known
        choice = choose(self.composer, overrides, self.roots)
        with self._lock:
            self._choices[overrides] = choice
            while len(self._choices) > 64:
                self._choices.popitem(last=False)
        return choice

    def folder(self, key: str) -> Path:
        """Return where a data set's index is."""
        return home() / key

    def volumes_here(self) -> Path:
        """Return where copies of Volumes lie on this machine."""
        return home().parent / "volumes"

    def index(self, choice: Choice) -> Index | None:
        """Return a data set's index; None: it must be made (`start`), or made again."""
        folder = self.folder(choice.key)
        with self._lock:
            known = self._indexes.get(choice.key)
            self._data[choice.key] = asdict(choice.data)
        stamp = _mtime(folder / "meta.json")
        if known is None or known.stamp != stamp:
            try:
                known = Index(folder)
            except (OSError, ValueError, KeyError):
                return None
            known.stamp = stamp
        if not is_fresh(known.meta):
            return None
        touch(folder)
        with self._lock:
            self._indexes[choice.key] = known
            self._indexes.move_to_end(choice.key)
            while len(self._indexes) > _OPEN:
                self._indexes.popitem(last=False)
        return known

    def inspection(self, choice: Choice, index: Index) -> Inspection | None:
        """Return a data set's inspection; None: there is none of the data as they are."""
        folder = self.folder(choice.key) / "inspection"
        stamp = _mtime(folder / "report.json")
        if stamp < _mtime(self.folder(choice.key) / "meta.json"):
            return None
        with self._lock:
            known = self._inspections.get(choice.key)
        if known is not None and known[0] == stamp:
            return known[1]
        try:
            found = Inspection(folder, index.splits, len(index))
        except (OSError, ValueError, KeyError):
            return None
        with self._lock:
            self._inspections[choice.key] = (stamp, found)
            while len(self._inspections) > _OPEN:
                self._inspections.popitem(last=False)
        return found

    def start(self, action: str, choice: Choice, **more: Any) -> str:
        """Start reading ("index"), inspecting ("inspect") or copying ("repair"); the job's name."""
        name = f"{action}/{choice.key}"
        if action == "repair":
            name += f"/{more['out']}"
        if action == "index":
            prune(choice.key)
        request = {"action": action, "kind": choice.kind, "data": asdict(choice.data)}
        request |= {"out": str(self.folder(choice.key))} | more
        self.jobs.start(name, request, self._environment())
        return name

    def start_fetch(self, choice: Choice) -> str:
        """Start copying a Volume's folder to this machine; the job's name."""
        path = in_volume(choice.data)
        name = f"fetch/{path}"
        request = {"action": "fetch", "path": path, "max_bytes": MAX_BYTES}
        self.jobs.start(name, request | {"out": str(self.volumes_here())}, self._environment())
        return name

    def is_elsewhere(self, choice: Choice) -> bool:
        """Return whether the data lie in a Volume that is neither mounted here nor copied."""
        path = in_volume(choice.data)
        return bool(path) and not (self.volumes_here() / path.removeprefix("/Volumes/")).exists()

    def url(self, kind: str, key: str, row: int, **more: Any) -> str:
        """Return the signed address of a row's "thumbnail", "image", "mask", "drawn" or "augmented"."""
        with self._lock:
            known = self._indexes.get(key)
        # Another address when the index was made again: browsers keep pictures.
        at = 0 if known is None else known.stamp
        return self._media.url(f"data-{kind}", set=key, row=row, at=at, **more)

    def findings_url(self, key: str) -> str:
        """Return the address of all findings as CSV."""
        return self._media.url("data-findings", set=key, at=_mtime(self.folder(key)))

    def record(self, key: str, row: int) -> tuple[Index, Record]:
        """Return a row of a data set that was opened, its files' paths checked.

        Raises:
            DataError: there is none, or it leads out of the allowed folders.
        """
        with self._lock:
            index = self._indexes.get(key)
        if index is None:
            try:
                index = Index(self.folder(key))
            except (OSError, ValueError, KeyError) as error:
                raise DataError("this data set is not open any more. Reload the page.") from error
        if not 0 <= row < len(index):
            raise DataError("there is no such image any more. Reload the page.")
        record, _ = index.record(row)
        if in_table(record.image):
            record = self._table(key, index, row)
        return index, pictures.resolved(record, self.allowed)

    def allowed(self, path: Path) -> Path:
        """Return a file that is of a data set, its path checked. Raises DataError: it is elsewhere."""
        real = path.resolve()
        for own in (self.volumes_here(), localise("~/.cache/lakesight")):
            if real.is_relative_to(own.resolve()):
                return real
        return self.roots.resolve(str(path))

    def _table(self, key: str, index: Index, row: int) -> Record:
        with self._lock:
            splits = self._tables.get(key)
            values = self._data.get(key)
        if splits is None:
            if values is None:
                raise DataError("this data set is not open any more. Reload the page.")
            splits = open_splits(data_conf(values), index.kind)
            with self._lock:
                self._tables[key] = splits
                while len(self._tables) > _TABLES:
                    self._tables.popitem(last=False)
        split, place = index.place(row)
        return splits[split][place]

    def _environment(self) -> dict[str, str]:
        here = self.volumes_here()
        return {MOUNTS_VARIABLE: f"/Volumes={here}"} if _unmounted() and here.exists() else {}

    def _thumbnail(self, values: Mapping[str, Any]) -> Answer:
        _, record = self.record(values["set"], values["row"])
        cache = self.folder(values["set"]) / "thumbnails"
        return pictures.thumbnail(record, self._max_pixels(values["set"]), cache)

    def _image(self, values: Mapping[str, Any]) -> Answer:
        _, record = self.record(values["set"], values["row"])
        return pictures.whole(record, self._max_pixels(values["set"]))

    def _mask(self, values: Mapping[str, Any]) -> Answer:
        index, record = self.record(values["set"], values["row"])
        return pictures.mask(record, index, small=bool(values["small"]))

    def _drawn(self, values: Mapping[str, Any]) -> Answer:
        index, record = self.record(values["set"], values["row"])
        return pictures.drawn(record, index, self._max_pixels(values["set"]))

    def _augmented(self, values: Mapping[str, Any]) -> Answer:
        choice = self.choose(tuple(values["overrides"]))
        index, record = self.record(values["set"], values["row"])
        _, place = index.place(values["row"])
        return pictures.augmented(record, index, choice, values["epoch"], place)

    def _findings(self, values: Mapping[str, Any]) -> Answer:
        path = self.folder(values["set"]) / "inspection" / "findings.csv"
        try:
            return Answer(path.read_bytes(), "text/csv; charset=utf-8", "findings.csv")
        except OSError as error:
            raise DataError("there is no inspection any more. Inspect the data again.") from error

    def _max_pixels(self, key: str) -> int:
        with self._lock:
            known = self._data.get(key, {})
        return int(known.get("max_image_pixels", 178_956_970))


_known: weakref.WeakKeyDictionary[Services, DataSets] = weakref.WeakKeyDictionary()
_making = threading.Lock()


def of(services: Services) -> DataSets:
    """Return the data sets of a process's services; always the same ones."""
    with _making:
        if services not in _known:
            _known[services] = DataSets(services)
        return _known[services]


def _mtime(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return -1


def _unmounted() -> bool:
    return not Path("/Volumes").exists() and "/Volumes=" not in os.environ.get(MOUNTS_VARIABLE, "")
