"""A run's files: pictures of its predictions, its reports, its output. Blocking: call it in threads.

The run's folder where it is on this machine, else MLflow's artifacts, each fetched once.
"""

from __future__ import annotations

import io
import re
import shutil
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cvcore.metrics import server
from launch.errors import LaunchError
from launch.launchers import get_launcher
from launch.ledger import Ledger
from launch.ledger_run import LedgerRun
from launch.tags import FOLDER
from panel_app.media import Answer, Media

PICTURES = "predictions"
REPORT = "report"
_STEP = re.compile(r"step_(\d+)")
_WIDTH = 640
"""Pixels; a wider picture is sent smaller."""


@dataclass(frozen=True)
class Frame:
    """The pictures of one evaluation.

    Attributes:
        step: optimizer steps done.
        paths: of its pictures, below the run's artifacts; the same names at every step.
    """

    step: int
    paths: tuple[str, ...]


class Artifacts:
    """The files of the runs of one ledger. Thread-safe."""

    def __init__(self, ledger: Ledger, media: Media) -> None:
        """Take the ledger, and have the media answer for its files."""
        self.ledger = ledger
        self._cache = tempfile.TemporaryDirectory(
            prefix="lakesight-app-", ignore_cleanup_errors=True
        )
        self._frames: dict[tuple[str, str], tuple[str, ...]] = {}
        self._lock = threading.Lock()
        media.register("picture", self._picture)
        media.register("report", self._report)
        media.register("output", self._output)

    def frames(self, run: LedgerRun) -> tuple[Frame, ...]:
        """Return the pictures of predictions, by step.

        Raises:
            LaunchError: the tracking server does not answer.
        """
        found = []
        for name in self._names(run, PICTURES):
            step = _STEP.fullmatch(Path(name).name)
            if step is None:
                continue
            known = (run.run_id, name)
            if known not in self._frames:
                paths = tuple(p for p in self._names(run, name) if p.endswith(".png"))
                if not paths:
                    continue
                self._frames[known] = paths
            found.append(Frame(int(step[1]), self._frames[known]))
        return tuple(sorted(found, key=lambda frame: frame.step))

    def reports(self, run: LedgerRun) -> dict[str, str]:
        """Return the reports of a run: split -> path.

        Raises:
            LaunchError: the tracking server does not answer.
        """
        found = {}
        for name in self._names(run, REPORT):
            page = f"{name}/index.html"
            if page in self._names(run, name):
                found[Path(name).name] = page
        return found

    def _names(self, run: LedgerRun, folder: str) -> list[str]:
        """Return the paths in a folder of the artifacts, empty where there is none."""
        local = _local(run, folder)
        if local is not None and local.is_dir():
            return sorted(f"{folder}/{path.name}" for path in local.iterdir())
        try:
            return sorted(
                str(one.path) for one in self.ledger.client.list_artifacts(run.run_id, folder)
            )
        except Exception as error:
            raise LaunchError(
                f"the run's files can't be listed: {server.in_words(error)}."
            ) from error

    def file(self, run_id: str, path: str) -> Path:
        """Return where a file of a run is on this machine, fetched if need be.

        Raises:
            LaunchError: it is not there, or can't be fetched.
        """
        if ".." in Path(path).parts or Path(path).is_absolute():
            raise LaunchError(f"{path!r} is no path below a run's files.")
        run = self.ledger.get(run_id)
        local = _local(run, path)
        if local is not None and local.is_file():
            return local
        kept = Path(self._cache.name) / run_id / path
        with self._lock:
            if not kept.is_file():
                kept.parent.mkdir(parents=True, exist_ok=True)
                part = tempfile.mkdtemp(dir=self._cache.name)
                try:
                    # Where it lands depends on the store: below its folders, or without them.
                    Path(self.ledger.client.download_artifacts(run_id, path, part)).replace(kept)
                except Exception as error:
                    raise LaunchError(
                        f"{path} of run {run_id[:8]} can't be fetched: {server.in_words(error)}."
                    ) from error
                finally:
                    shutil.rmtree(part, ignore_errors=True)
        return kept

    def _picture(self, values: Mapping[str, Any]) -> Answer:
        from PIL import Image

        path = self.file(str(values["run"]), str(values["path"]))
        with Image.open(path) as image:
            if image.width <= _WIDTH or values.get("whole"):
                return Answer(path.read_bytes(), "image/png")
            image.thumbnail((_WIDTH, _WIDTH))
            packed = io.BytesIO()
            image.convert("RGB").save(packed, "JPEG", quality=85)
        return Answer(packed.getvalue(), "image/jpeg")

    def _report(self, values: Mapping[str, Any]) -> Answer:
        path = self.file(str(values["run"]), str(values["path"]))
        return Answer(path.read_bytes(), "text/html; charset=utf-8")

    def _output(self, values: Mapping[str, Any]) -> Answer:
        run = self.ledger.get(str(values["run"]))
        launcher = get_launcher(run.handle.launcher)
        parts: list[str] = []
        cursor = 0
        while True:
            text, cursor = launcher.logs(run.handle, cursor)
            if not text:
                break
            parts.append(text)
        body = "".join(parts).encode()
        return Answer(body, "text/plain; charset=utf-8", f"{run.run_id[:8]}-output.txt")


def _local(run: LedgerRun, path: str) -> Path | None:
    """Return where a run's folder has a file, None if its folder is not known."""
    folder = run.tags.get(FOLDER, "")
    return Path(folder) / path if folder.startswith("/") else None
