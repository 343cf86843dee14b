"""An evaluation opened for looking at: figures, what they come from, every image. Thread-safe; blocking."""

from __future__ import annotations

import json
import threading
import weakref
from collections import OrderedDict
from functools import cached_property
from pathlib import Path
from typing import Any

from cvcore.data.labels import LabelSpace
from cvcore.errors import DataError, LakesightError
from cvcore.evaluate import errors, fixed, kept, predictions, truths
from cvcore.evaluate.bootstrap import Difference, compare
from cvcore.evaluate.coco import CocoMetric
from cvcore.evaluate.lines import ImageLines
from cvcore.evaluate.operating import Thresholds
from cvcore.evaluate.overlap import IouType
from cvcore.evaluate.report import PAGE, SUMMARY
from cvcore.evaluate.slices import Slice, slices
from cvcore.evaluate.table import ImageId
from panel_app.media import Answer
from panel_app.services import Services

_OPEN = 4


class Study:
    """One evaluation. What is asked for is read once and kept."""

    def __init__(self, services: Services, run_id: str, path: str) -> None:
        """Open it.

        Raises:
            LakesightError: its report can't be read.
        """
        self._artifacts = services.artifacts
        self.run_id, self.path = run_id, path
        self._lock = threading.RLock()
        self.summary: dict[str, Any] = self.read(SUMMARY)

    @property
    def key(self) -> str:
        """What addresses say of it."""
        return f"{self.run_id}/{self.path}"

    def file(self, name: str) -> Path:
        """Return where a file of the report is on this machine.

        Raises:
            LakesightError: it is not there.
        """
        return self._artifacts.file(self.run_id, f"{self.path}/{name}")

    def read(self, name: str) -> Any:
        """Return what a JSON file of the report says.

        Raises:
            LakesightError: it is not there, or torn.
        """
        try:
            return json.loads(self.file(name).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise DataError(
                f"{name} of the report can't be read: {error}. Evaluate again."
            ) from error

    @property
    def task(self) -> str:
        """Kind of task."""
        return str(self.summary["task"])

    @cached_property
    def metric(self) -> kept.Metric:
        """The metric after its last image. Raises DataError: the report is from before it was kept."""
        with self._lock:
            return kept.load(self.file(kept.FILE))

    @property
    def labels(self) -> LabelSpace:
        """The classes."""
        return self.metric.labels

    @property
    def coco(self) -> CocoMetric | None:
        """The metric of detections or instances; None for another task."""
        return self.metric if isinstance(self.metric, CocoMetric) else None

    @property
    def kind(self) -> IouType:
        """What overlaps of objects are judged by."""
        coco = self.coco
        return "segm" if coco is not None and "segm" in coco.iou_types else "bbox"

    @cached_property
    def thresholds(self) -> list[float]:
        """Each class's threshold of best F1 on these images, in label order."""
        known = self.summary["thresholds"]
        return [float(known.get(name, 0.5)) for name in self.labels.names]

    @cached_property
    def counting(self) -> Thresholds:
        """Counts at any threshold. Only of a CocoMetric."""
        assert self.coco is not None
        return Thresholds(self.coco, self.kind)

    @cached_property
    def judged(self) -> errors.Judged:
        """Every detection and object at the thresholds of best F1. Only of a CocoMetric."""
        assert self.coco is not None
        return errors.judge(self.coco, self.kind, self.thresholds)

    @cached_property
    def gains(self) -> dict[str, float]:
        """How much AP50 would rise without each kind of error; empty for another task."""
        return fixed.gains(self.coco, self.kind) if self.coco is not None else {}

    @cached_property
    def image_ids(self) -> list[ImageId]:
        """Ids in the order of all figures."""
        return self.metric.image_ids

    @cached_property
    def predicted(self) -> ImageLines:
        """Predictions by image."""
        with self._lock:
            return ImageLines(self.file(predictions.FILE))

    @cached_property
    def true(self) -> ImageLines:
        """Truths by image."""
        with self._lock:
            return ImageLines(self.file(truths.FILE))

    def truth(self, image_id: ImageId) -> dict[str, Any]:
        """Return an image's truth, see `cvcore.evaluate.truths`.

        Raises:
            DataError: the evaluation has no such image.
        """
        rows = self.true.of(image_id)
        if not rows:
            raise DataError(f"the evaluation has no image {image_id!r}.")
        return rows[0]

    @cached_property
    def slices(self) -> list[Slice]:
        """The main figures on parts of the images."""
        facts = []
        for image_id in self.image_ids:
            row = self.truth(image_id)
            height, width = row["size_hw"]
            own: dict[str, Any] = {"image size": f"{width} x {height}"}
            if self.coco is not None:
                own["objects in the image"] = _some(len(row["answers"]))
            facts.append({**own, **row["metadata"]})
        return slices(self.metric, facts)

    def against(self, other: Study) -> dict[str, Difference]:
        """Return other minus this one, tested on the same draws of images.

        Raises:
            DataError: the two have not seen the same images.
        """
        if self.task != other.task or self.labels.hash != other.labels.hash:
            raise DataError("the two models are of different tasks or classes: nothing to compare.")
        return compare(self.metric, other.metric, num_resamples=500)


def _some(number: int) -> str:
    """Return a range of numbers of objects."""
    for low, high in ((0, 0), (1, 1), (2, 4), (5, 9), (10, 19)):
        if number <= high:
            return str(low) if low == high else f"{low} to {high}"
    return "20 or more"


class Studies:
    """The opened evaluations of one process."""

    def __init__(self, services: Services) -> None:
        """Have the reports' pages answered for saving."""
        self.services = services
        self._known: OrderedDict[tuple[str, int], Study] = OrderedDict()
        self._lock = threading.Lock()
        services.media.register("evaluation-page", self._page)

    def open(self, key: str) -> Study:
        """Return an evaluation by its key.

        Raises:
            LakesightError: there is none, or it can't be read.
        """
        run_id, _, path = key.partition("/")
        if not run_id or not path:
            raise DataError(f"{key!r} is no evaluation. Choose one from the list.")
        file = self.services.artifacts.file(run_id, f"{path}/{SUMMARY}")
        place = (key, file.stat().st_mtime_ns)
        with self._lock:
            known = self._known.get(place)
        if known is None:
            known = Study(self.services, run_id, path)
            with self._lock:
                known = self._known.setdefault(place, known)
                while len(self._known) > _OPEN:
                    self._known.popitem(last=False)
        return known

    def page_url(self, key: str, *, save: bool) -> str:
        """Return the address of the report's page: to look at, or to save."""
        return self.services.media.url("evaluation-page", key=key, save=save)

    def _page(self, values: Any) -> Answer:
        study = self.open(str(values["key"]))
        try:
            body = study.file(PAGE).read_bytes()
        except OSError as error:
            raise LakesightError("the report has no page any more. Evaluate again.") from error
        name = f"evaluation-{study.run_id[:8]}-{study.summary['split']}.html"
        return Answer(body, "text/html; charset=utf-8", name if values["save"] else "")


_of: weakref.WeakKeyDictionary[Services, Studies] = weakref.WeakKeyDictionary()
_making = threading.Lock()


def of(services: Services) -> Studies:
    """Return the opened evaluations of a process's services; always the same ones."""
    with _making:
        if services not in _of:
            _of[services] = Studies(services)
        return _of[services]
