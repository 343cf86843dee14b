"""Which metrics share a figure, in which group it is, and in which order. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from cvcore.metrics.names import MEANINGS

GROUPS = ("Loss", "Quality", "Optimization", "Speed", "Memory", "System", "Other")
DEFAULT = ("Loss", "Quality")
_OF_PREFIX = {
    "images_per_s": "Speed",
    "time": "Speed",
    "mem": "Memory",
    "system": "System",
}
_FINAL = ("best", "test")


@dataclass(frozen=True, order=True)
class Place:
    """Where a metric is drawn.

    Attributes:
        rank: of the figure in its group; lower ones are first.
        title: of the figure.
        group: of `GROUPS`.
        split: "train" or "val" where the figure has both, else "".
        unit: what the values are, in words, or "".
    """

    rank: int
    title: str
    group: str
    split: str
    unit: str


def place(key: str, metric: str = "") -> Place | None:
    """Return where a metric is drawn, None if it is one figure and no curve.

    Args:
        key: of the metric.
        metric: the one that counts for the run's task, without its split.

    Example:
        >>> place("val/loss").title, place("val/loss").group, place("test/AP")
        ('loss', 'Loss', None)
    """
    prefix, _, rest = key.partition("/")
    if prefix in _FINAL:
        return None
    meaning = MEANINGS.get(key, "")
    if prefix in ("train", "val") and rest:
        if "loss" in rest:
            return Place(0 if rest == "loss" else 1, rest, "Loss", prefix, meaning)
        if prefix == "train":
            return Place(1, rest, "Optimization", "", meaning)
        return Place(_quality(rest, metric), rest, "Quality", "val", meaning)
    group = _OF_PREFIX.get(prefix, "Other")
    return Place(0 if key == "images_per_s" else 1, rest or key, group, "", meaning)


def _quality(rest: str, metric: str) -> int:
    if rest == metric:
        return 0
    # A class's own figure, and how many images it was: last.
    return 3 if rest == "num_images" else 2 if "/" in rest else 1
