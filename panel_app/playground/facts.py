"""What is known of the model behind an endpoint. Blocking (files); torch-free."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from cvcore.batch.job import saved_model
from cvcore.data.labels import palette_color
from cvcore.errors import LakesightError
from cvcore.serve import artifact
from launch.serving.types import Endpoint, Endpoints

LEAST_SCORE = 0.05
"""Objects from this score on are asked for, so that a lower threshold needs no second answer."""


@dataclass(frozen=True)
class Facts:
    """What is known of a model; of one that can't be looked into, nothing.

    Attributes:
        task: kind of task; "" if not known.
        colours: class -> (red, green, blue), 0 to 255.
        threshold: what it shows from on; None if not known.
        class_thresholds: of classes that have their own.
    """

    task: str = ""
    colours: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    threshold: float | None = None
    class_thresholds: dict[str, float] = field(default_factory=dict)

    @property
    def floor(self) -> float:
        """The lowest score to ask for."""
        own = [] if self.threshold is None else [self.threshold]
        return min([LEAST_SCORE, *own, *self.class_thresholds.values()])

    def colour(self, name: str, place: int) -> tuple[int, int, int]:
        """Return a class's colour; of an unknown one that of its place in the answer."""
        return self.colours.get(name) or palette_color(place)


def facts_of(endpoints: Endpoints, endpoint: Endpoint, served: str = "") -> Facts:
    """Return what is known of a served version.

    Args:
        endpoints: of its place.
        endpoint: that serves it.
        served: name of the version; "": the one with most of the traffic.
    """
    models = getattr(endpoints, "models_dir", None)
    if models is None or not endpoint.served:
        return Facts()
    name = served or max(endpoint.served, key=lambda one: one.share).name
    try:
        return read(Path(models(endpoint.name)) / name)
    except LakesightError:
        return Facts()  # not a model of ours, or not there yet


def read(folder: Path) -> Facts:
    """Return what a model's folder says.

    Raises:
        ModelError: it is none of ours.
    """
    found = artifact.read(saved_model(str(folder)))
    return Facts(
        found.task.kind,
        {label.name: label.color for label in found.labels.labels},
        found.score_threshold,
        dict(found.class_thresholds),
    )
