"""What is known of a model version, as JSON that travels with it. Imports nothing heavy.

Gate, card and pages read these figures; nobody measures twice.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from cvcore.errors import ModelError

FILE = "facts.json"
FORMAT = 1
LAST_TAG = "lakesight_task"
"""The tag of a version that is set last: one without it is half made."""

CLASS_FIGURE = {
    "classification": "f1",
    "detection": "AP",
    "semantic_segmentation": "IoU",
    "instance_segmentation": "mask_AP",
    "panoptic_segmentation": "PQ",
}
"""The figure of one class by which two models are compared."""

_COUNTS = ("num_objects", "num_images", "num_pixels")


@dataclass(frozen=True)
class SplitFacts:
    """Figures of one split.

    Attributes:
        metrics: key -> value, unit, greater_is_better, description, and low and high where known.
        per_class: class -> figures; None where undefined.
        certificate: how they were made.
    """

    metrics: Mapping[str, Mapping[str, Any]]
    per_class: Mapping[str, Mapping[str, float | None]]
    certificate: Mapping[str, Any]

    def value(self, key: str) -> float | None:
        """Return a figure, None where there is none or it is undefined."""
        found = self.metrics.get(key, {}).get("value")
        return float(found) if isinstance(found, int | float) and math.isfinite(found) else None

    def of_class(self, name: str, key: str) -> float | None:
        """Return a figure of a class, None where there is none or it is undefined."""
        found = self.per_class.get(name, {}).get(key)
        return float(found) if isinstance(found, int | float) and math.isfinite(found) else None

    def num_of_class(self, name: str) -> int | None:
        """Return how many objects, images or pixels of a class the truth has; None: not known."""
        row = self.per_class.get(name, {})
        if "TP" in row and "FN" in row:
            return int((row["TP"] or 0) + (row["FN"] or 0))
        found = next((row[key] for key in _COUNTS if row.get(key) is not None), None)
        return None if found is None else int(found)

    @property
    def num_images(self) -> int:
        """Images that were evaluated."""
        return int(self.certificate.get("num_images") or 0)

    def comparable(self, other: SplitFacts) -> bool:
        """Whether both were made on the same images of the same data."""
        keys = ("dataset_fingerprint", "split", "num_images")
        return all(self.certificate.get(key) == other.certificate.get(key) for key in keys)


@dataclass(frozen=True)
class Facts:
    """One model version.

    Attributes:
        task: one of `cvcore.config.schema.TASKS`.
        primary: the figure by which models of the task are compared.
        classes: names in index order.
        label_space: hash of it.
        data_fingerprint: of the training data.
        model: model_type, checkpoint, description, params_m, image_size, resize.
        licence: of the weights (SPDX id).
        licence_note: what to know of it.
        score_threshold: below it nothing is shown, unless a class has its own.
        class_thresholds: by class name.
        splits: val and test, as far as they were evaluated.
        size_mib: of the model's folder.
        latency: what `cvcore.evaluate.latency` measured, or None.
        robustness: what `cvcore.serve.robustness` measured, or None.
        weights: first 16 hex digits of the sha256 of the weights.
        run_id: of the training.
        packages: versions that it was trained with, those that prediction needs.
    """

    task: str
    primary: str
    classes: list[str]
    label_space: str
    data_fingerprint: str
    model: dict[str, Any]
    licence: str
    licence_note: str = ""
    score_threshold: float = 0.3
    class_thresholds: dict[str, float] = field(default_factory=dict)
    splits: dict[str, SplitFacts] = field(default_factory=dict)
    size_mib: float = 0.0
    latency: dict[str, Any] | None = None
    robustness: dict[str, Any] | None = None
    weights: str = ""
    run_id: str = ""
    packages: dict[str, str] = field(default_factory=dict)

    @property
    def class_figure(self) -> str:
        """The figure of one class by which two models are compared."""
        return CLASS_FIGURE[self.task]

    def judged_on(self, wanted: str = "test") -> str:
        """Return the split whose figures count: the wanted one, else the other; "" without any."""
        for split in (wanted, "test", "val"):
            if split in self.splits:
                return split
        return ""

    @property
    def latency_p95_ms(self) -> float | None:
        """95th percentile of one image's time, milliseconds; None: not measured."""
        rows = (self.latency or {}).get("latencies", [])
        return next((float(row["p95_ms"]) for row in rows if row["batch_size"] == 1), None)

    def to_json(self) -> str:
        """Return what `of` reads."""
        return json.dumps(_plain({"format": FORMAT, **asdict(self)}), indent=1, allow_nan=False)

    @classmethod
    def of(cls, text: str, what: str) -> Facts:
        """Return the facts of `to_json`.

        Args:
            text: JSON.
            what: whose they are, for messages.

        Raises:
            ModelError: they can't be read.
        """
        try:
            found = json.loads(text)
            if found.pop("format") > FORMAT:
                raise ModelError(
                    f"the facts of {what} are of a newer Lakesight: upgrade this one to read them."
                )
            splits = {name: SplitFacts(**row) for name, row in found.pop("splits").items()}
            return cls(**found, splits=splits)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ModelError(
                f"the facts of {what} can't be read ({error}). Register the run again."
            ) from error


def _plain(value: Any) -> Any:
    """Return a value without NaN and infinity, which JSON does not have."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
