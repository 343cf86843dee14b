"""What a batch gave: its rows as the image grid shows them, its files to keep. Blocking; thread-safe."""

from __future__ import annotations

import io
import threading
import weakref
import zipfile
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from cvcore.batch import inputs
from cvcore.batch.finish import COCO_FILE, ERRORS_FILE
from cvcore.batch.job import BatchJob
from cvcore.batch.parts import Parts, parts_folder
from cvcore.data.image_header import MAX_PIXELS
from cvcore.data.records import ImageRef, Record
from cvcore.errors import DataError, LakesightError
from launch.batch.submit import job_of
from launch.local.queue import state_dir
from panel_app.data import pictures
from panel_app.media import Answer
from panel_app.playground.drawing import drawing
from panel_app.playground.facts import Facts, read
from panel_app.services import Services

MAX_DOWNLOAD_BYTES = 200_000_000
"""More is fetched from the output folder itself."""

_LISTED = 500
_known: weakref.WeakSet[Services] = weakref.WeakSet()
_making = threading.Lock()


class Results:
    """The results of one batch."""

    def __init__(self, services: Services, run_id: str, job: BatchJob) -> None:
        """Have its pictures and files answered.

        Args:
            services: of the process.
            run_id: of the batch.
            job: what it was to do; its output is read on this machine.
        """
        self.run_id, self.job = run_id, job
        self._media = services.media
        _answer_for(services)
        try:
            self.facts = read(Path(job.model))
        except LakesightError:
            self.facts = Facts()

    @property
    def labels(self) -> list[dict[str, Any]]:
        """The classes as the grid's legend shows them."""
        return [{"name": n, "color": list(c)} for n, c in self.facts.colours.items()]

    def count(self) -> int:
        """Return how many rows are there by now."""
        return sum(count for _, count in _parts(self.job))

    def items(self, start: int, count: int) -> list[dict[str, Any]]:
        """Return what the grid shows of some rows."""
        found = []
        for place in range(start, min(start + count, self.count())):
            shard, row, values = _row(self.job, place)
            found.append(self._item(place, shard, row, values, large=False))
        return found

    def large(self, place: int) -> dict[str, Any]:
        """Return one row with all its objects.

        Raises:
            DataError: there is no such row.
        """
        shard, row, values = _row(self.job, place)
        item = self._item(place, shard, row, values, large=True)
        item["facts"] = [
            ["Row", f"{place + 1:,}"],
            *(
                [["Size", f"{values['width']:,} x {values['height']:,} pixels"]]
                if values["width"]
                else []
            ),
        ]
        item["problems"] = [values["error"]] if values["error"] else []
        listed = item.get("rows") or [
            {"class": box[0], "score": score, "where": f"at {box[1]:.0f}, {box[2]:.0f}"}
            for box, score in zip(item.get("boxes", []), item.get("scores", []), strict=True)
        ]
        item["objects"] = [
            {"class": one["class"], "label": one.get("text"), "where": _where(one), "faults": []}
            for one in listed[:_LISTED]
        ]
        return item

    def links(self) -> list[tuple[str, str]]:
        """Return (text, address) of what can be kept."""
        found = []
        files = Parts(parts_folder(self.job)).files()
        size = sum(path.stat().st_size for path in files)
        if (self.job.folder / COCO_FILE).is_file():
            found.append(("COCO file", self._url("coco")))
        if files and size <= MAX_DOWNLOAD_BYTES:
            found.append(
                (f"All rows as Parquet ({max(size / 1e6, 0.1):,.1f} MB)", self._url("parts"))
            )
        errors = self.job.state / ERRORS_FILE
        if errors.is_file() and errors.stat().st_size:
            found.append(("Images that could not be read", self._url("errors")))
        return found

    def _url(self, what: str) -> str:
        return self._media.url("batch-file", run=self.run_id, what=what, count=self.count())

    def _item(
        self, place: int, shard: int, row: int, values: Mapping[str, Any], *, large: bool
    ) -> dict[str, Any]:
        where = {"run": self.run_id, "shard": shard, "row": row, "large": large}
        item: dict[str, Any] = {
            "row": place,
            "file": str(values["image"]).rpartition("/")[2],
            "url": self._media.url("batch-image", **where),
            "said": values["error"] or "",
        }
        if values["error"]:
            return item | {"faults": 1, "broken": values["error"]}
        answer = {**values, "size": [values["height"], values["width"]]}
        try:
            item |= drawing(answer, self.facts)
        except DataError as error:
            return item | {"said": str(error)}
        rows = item.get("rows", [])
        if item["task"] == "classification" and rows:
            item["class"] = rows[0]["class"]
            item["said"] = f"{rows[0]['score']:.2f}"
        elif "boxes" in item:
            number = len(item["boxes"])
            item["said"] = f"{number} object{'s' * (number != 1)}"
        else:
            number = len(rows)
            item["said"] = f"{number} {'segment' if 'segments' in item else 'class'}" + (
                "" if number == 1 else "s" if "segments" in item else "es"
            )
        return item


def _where(one: Mapping[str, Any]) -> str:
    said = [] if one.get("score") is None else [f"score {one['score']:.3f}"]
    if one.get("share") is not None:
        said.append(f"{100 * one['share']:.1f} % of the image")
    return ", ".join([*said, *([one["where"]] if "where" in one else [])])


def _parts(job: BatchJob) -> list[tuple[int, int]]:
    """Return (shard, rows) of the parts that are there, in order."""
    done = sorted(Parts(parts_folder(job)).done())
    if not done:
        return []
    total = inputs.freeze(job).num
    size = job.shard_size
    return [(shard, min(size, total - shard * size)) for shard in done]


def _row(job: BatchJob, place: int) -> tuple[int, int, dict[str, Any]]:
    """Return a row of the output by its place: shard, row in it, values."""
    before = 0
    for shard, count in _parts(job):
        if before <= place < before + count:
            path = Parts(parts_folder(job)).path(shard)
            try:
                rows = _table(str(path), path.stat().st_mtime_ns)
                return shard, place - before, rows[place - before]
            except (OSError, IndexError) as error:
                raise DataError("the output was changed meanwhile. Reload the page.") from error
        before += count
    raise DataError("there is no such row. Reload the page.")


@lru_cache(maxsize=8)
def _table(path: str, _stamp: int) -> list[dict[str, Any]]:
    import pyarrow.parquet as pq

    rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    return rows


def _answer_for(services: Services) -> None:
    """Have addresses of batches answered; nothing of a session is kept."""
    with _making:
        if services in _known:
            return
        _known.add(services)

    @lru_cache(maxsize=64)
    def job_for(run_id: str) -> BatchJob:
        found = job_of(services.ledger.get(run_id))
        services.roots.resolve(found.out)
        return found

    def image(values: Mapping[str, Any]) -> Answer:
        job = job_for(values["run"])
        items: Sequence[inputs.Item] = inputs.items(job, inputs.freeze(job), int(values["shard"]))
        item = items[int(values["row"])]
        if item.ref is None:
            raise DataError(item.error or "there is no such image.")
        ref = item.ref
        if ref.path is not None:
            ref = ImageRef(services.roots.resolve(str(ref.path)))
        record = Record(image_id=0, image=ref)
        if values["large"]:
            return pictures.whole(record, MAX_PIXELS)
        return pictures.thumbnail(record, MAX_PIXELS, state_dir() / "app" / "thumbnails")

    def file(values: Mapping[str, Any]) -> Answer:
        job = job_for(values["run"])
        name = job.folder.name
        if values["what"] == "coco":
            body = _limited([job.folder / COCO_FILE])[0]
            return Answer(body, "application/json", f"{name}-coco.json")
        if values["what"] == "errors":
            body = _limited([job.state / ERRORS_FILE])[0]
            return Answer(body, "application/jsonl", f"{name}-errors.jsonl")
        files = Parts(parts_folder(job)).files()
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
            for path, body in zip(files, _limited(files), strict=True):
                archive.writestr(path.name, body)
        return Answer(out.getvalue(), "application/zip", f"{name}-parquet.zip")

    services.media.register("batch-image", image)
    services.media.register("batch-file", file)


def _limited(files: Sequence[Path]) -> list[bytes]:
    try:
        if sum(path.stat().st_size for path in files) > MAX_DOWNLOAD_BYTES:
            raise DataError(
                f"it is larger than {MAX_DOWNLOAD_BYTES:,} bytes: take it from the folder."
            )
        return [path.read_bytes() for path in files]
    except OSError as error:
        raise DataError(f"it can't be read ({error.strerror}).") from error
