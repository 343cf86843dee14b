"""`reference.json` beside a saved model: how its training images were, and what it says of such images.

Image features are of the train split (a sample, evenly taken). Classes, scores, box sizes and objects per
image are those of the model's own predictions on the val split, above its thresholds: what an endpoint
answers is compared with what the same model answered, not with what is true.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from cvcore.data.images import decode, header_size
from cvcore.data.records import Split
from cvcore.errors import DataError, ModelError
from cvcore.monitor.answers import Said
from cvcore.monitor.features import image_features

FILE = "reference.json"
FORMAT = 1
NUM_IMAGES = 400
_POINTS = 129
_ENOUGH_HW = (256, 256)


@dataclass(frozen=True)
class Reference:
    """How things were.

    Attributes:
        fingerprint: of the training data.
        num_images: of which the image features are.
        num_predicted: images of which the rest is; 0: none, then the rest is empty.
        features: name -> values at even quantiles, ascending.
        classes: label -> how often it was said (share of pixels, of semantic segmentation).
        numbers: "score", "box_side" (square root of a box's share of the image) and "objects" (per
            image) -> values at even quantiles; only those that the task has.
    """

    fingerprint: str = ""
    num_images: int = 0
    num_predicted: int = 0
    features: dict[str, list[float]] = field(default_factory=dict)
    classes: dict[str, float] = field(default_factory=dict)
    numbers: dict[str, list[float]] = field(default_factory=dict)


def of_images(split: Split, fingerprint: str, max_pixels: int, most: int = NUM_IMAGES) -> Reference:
    """Return the features of a split's images; those that can't be read are left out.

    Args:
        split: of the training.
        fingerprint: of its data set.
        max_pixels: more are not decoded.
        most: images taken, evenly over the split.
    """
    columns: dict[str, list[float]] = {}
    taken = 0
    count = min(len(split), most)
    for index in np.linspace(0, len(split) - 1, count).astype(int).tolist() if count else []:
        try:
            image = split[index].image
            size_hw = header_size(image, max_pixels)
            pixels_HW3 = decode(image, max_pixels, _ENOUGH_HW)
        except (DataError, OSError):
            continue
        taken += 1
        for name, value in image_features(pixels_HW3, size_hw).items():
            columns.setdefault(name, []).append(value)
    grids = {name: quantiles(values) for name, values in columns.items()}
    return Reference(fingerprint, taken, features=grids)


def with_answers(
    reference: Reference, answers: Iterable[tuple[tuple[int, int], Sequence[Said]]]
) -> Reference:
    """Return a reference that knows what the model said: of each image its size (h, w) and what."""
    classes: dict[str, float] = {}
    numbers: dict[str, list[float]] = {}
    images = 0
    for size_hw, items in answers:
        images += 1
        gather(items, size_hw, classes, numbers)
    if "box_side" not in numbers:
        numbers.pop("objects", None)  # one answer per image, or regions of it
    grids = {name: quantiles(values) for name, values in numbers.items() if values}
    return Reference(
        reference.fingerprint, reference.num_images, images, reference.features, classes, grids
    )


def gather(
    items: Sequence[Said],
    size_hw: tuple[int, int],
    classes: dict[str, float],
    numbers: dict[str, list[float]],
) -> None:
    """Add what was said of one image to counts of classes and lists of numbers."""
    for one in items:
        classes[one.label] = classes.get(one.label, 0.0) + one.weight
        if one.score is not None:
            numbers.setdefault("score", []).append(round(one.score, 4))
        side = one.box_side(size_hw)
        if side is not None:
            numbers.setdefault("box_side", []).append(side)
    numbers.setdefault("objects", []).append(float(len(items)))


def quantiles(values: ArrayLike) -> list[float]:
    """Return values of a sample at even quantiles, ascending: itself, if it is small."""
    found = np.sort(np.asarray(values, np.float64))
    if len(found) > _POINTS:
        found = np.quantile(found, np.linspace(0, 1, _POINTS), method="inverted_cdf")
    return [round(float(v), 4) for v in found if math.isfinite(v)]


def write(folder: Path, reference: Reference) -> None:
    """Write `reference.json` into a saved model's folder, whole or not at all."""
    part = folder / f"{FILE}.part"
    part.write_text(json.dumps({"format": FORMAT, **asdict(reference)}, allow_nan=False))
    part.replace(folder / FILE)


def read(file: Path) -> Reference:
    """Read a `reference.json`.

    Raises:
        ModelError: it is not there, torn, or of a newer format.
    """
    try:
        values: Mapping[str, object] = json.loads(file.read_text(encoding="utf-8"))
        number = values["format"]
        if not isinstance(number, int) or number > FORMAT:
            raise ModelError(f"{file} is of a newer Lakesight. Upgrade to read it.")
        known = {key: value for key, value in values.items() if key != "format"}
        return Reference(**known)  # type: ignore[arg-type]
    except FileNotFoundError as error:
        raise ModelError(
            f"the model has no {FILE}: it was trained by an older Lakesight, or its training was stopped "
            "before its last evaluation. Drift is told once a newer training is deployed."
        ) from error
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise ModelError(
            f"{file} can't be read ({error!r}). Copy it again from its run."
        ) from error
