"""The rules of a split as a whole, and of all splits together. Torch-free."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from cvcore.data.contract.rule import Fault, Rule, rule
from cvcore.data.records import Category

_MIN_BOXES = 10
_CORNER_SHARE = 0.2


@dataclass(slots=True)
class Tally:
    """What one split adds up to.

    Attributes:
        images: its records.
        usable: records whose image (and mask) break no rule.
        objects: objects (images, for classification) of each category that can be trained on.
        boxes: boxes seen.
        corner_like: of them, those that would be whole as xyxy.
        beyond: of them, those that reach outside their image as xywh.
        counted: every class present was seen (false where masks were not all decoded).
        files: of each category, no more than one image to point at.
    """

    images: int = 0
    usable: int = 0
    objects: Counter[int | str] = field(default_factory=Counter)
    boxes: int = 0
    corner_like: int = 0
    beyond: int = 0
    counted: bool = True
    files: dict[int | str, str] = field(default_factory=dict)


@rule("split-empty", "a split has images", "add images, or correct the split's path", drop="stop")
def empty(tally: Tally) -> bool:
    """Return whether there is no record."""
    return tally.images == 0


@rule("split-unusable", "at least one image of a split can be used",
      "restore the images; each is listed with its fault", drop="stop")  # fmt: skip
def unusable(tally: Tally) -> bool:
    """Return whether every image is broken."""
    return tally.images > 0 and tally.usable == 0


@rule("split-no-object", "a split has at least one object that can be used",
      "annotate it, or correct the annotation file's path", drop="stop")  # fmt: skip
def no_object(tally: Tally) -> bool:
    """Return whether nothing can be learned from, or measured on, this split."""
    return tally.usable > 0 and tally.counted and not tally.objects


@rule("split-unlabelled", "the test split has objects to measure on",
      "nothing to do if its annotations are kept secret; it can't be evaluated here",
      severity="warning")  # fmt: skip
def unlabelled(tally: Tally) -> bool:
    """Return whether there is nothing to measure on."""
    return no_object.broken(tally)


@rule("bbox-looks-like-xyxy", "bbox is left, top, WIDTH, HEIGHT",
      "convert the boxes: width = right - left, height = bottom - top", drop="stop")  # fmt: skip
def corner_boxes(tally: Tally) -> bool:
    """Return whether all boxes would be whole as xyxy, and many are not as xywh."""
    return (
        tally.boxes >= _MIN_BOXES
        and tally.corner_like == tally.boxes
        and tally.beyond >= _CORNER_SHARE * tally.boxes
    )


@rule("category-two-names", "a category id has one name in all splits",
      "rename it in one of the annotation files", drop="stop")  # fmt: skip
def two_names(names: set[str]) -> bool:
    """Return whether an id has several names."""
    return len(names) > 1


@rule("category-two-ids", "a category name has one id in all splits",
      "merge the ids, or rename one", drop="stop")  # fmt: skip
def two_ids(ids: set[int | str]) -> bool:
    """Return whether a name has several ids."""
    return len(ids) > 1


@rule("class-never-trained", "a class of val or test occurs in train",
      "add training images of it, or remove it from val and test", drop="stop")  # fmt: skip
def never_trained(num_train: int, num_elsewhere: int) -> bool:
    """Return whether a class is measured and never learned."""
    return num_train == 0 and num_elsewhere > 0


@rule("class-left-out", "a class of val or test occurs in the part of train that is used",
      "use more training images (data.max_train_samples, data.num_train) for real results",
      severity="warning")  # fmt: skip
def left_out(num_train: int, num_elsewhere: int) -> bool:
    """Return whether a data set made small on purpose misses a class in training."""
    return never_trained.broken(num_train, num_elsewhere)


@rule("class-never-measured", "a class of train occurs in val",
      "move some images of it to val, or its accuracy stays unknown",
      severity="warning")  # fmt: skip
def never_measured(num_train: int, num_val: int) -> bool:
    """Return whether a class is learned and never measured."""
    return num_train > 0 and num_val == 0


@rule("class-unused", "a declared class occurs somewhere",
      "remove the class (its empty folder, or its entry), or add images of it",
      severity="warning")  # fmt: skip
def unused(num_anywhere: int) -> bool:
    """Return whether a class has no example at all."""
    return num_anywhere == 0


def check_split(name: str, tally: Tally) -> Iterator[Fault]:
    """Yield the faults of one split as a whole."""
    if empty.broken(tally):
        yield _fault(name, empty, "images", 0)
    if unusable.broken(tally):
        yield _fault(name, unusable, "images", f"{tally.images} of {tally.images} broken")
    if no_object.broken(tally):
        yield _fault(name, unlabelled if name == "test" else no_object, "annotations", 0)
    if corner_boxes.broken(tally):
        value = f"all {tally.boxes} boxes fit as xyxy, {tally.beyond} reach outside as xywh"
        yield _fault(name, corner_boxes, "bbox", value)


def check_categories(categories: Mapping[str, Sequence[Category]]) -> Iterator[Fault]:
    """Yield ids with two names and names with two ids, over all splits."""
    names: dict[int | str, set[str]] = {}
    ids: dict[str, set[int | str]] = {}
    for declared in categories.values():
        for category in declared:
            names.setdefault(category.source_id, set()).add(category.name)
            ids.setdefault(category.name, set()).add(category.source_id)
    for source_id, found in names.items():
        if two_names.broken(found):
            value = f"id {source_id!r}: {', '.join(sorted(found))}"
            yield _fault("", two_names, "categories", value)
    for name, sources in ids.items():
        if two_ids.broken(sources):
            value = f"{name!r}: ids {', '.join(sorted(map(repr, sources)))}"
            yield _fault("", two_ids, "categories", value)


def check_classes(
    categories: Mapping[str, Sequence[Category]], tallies: Mapping[str, Tally], *, part: bool
) -> Iterator[Fault]:
    """Yield classes that are not where they should be.

    Args:
        categories: of each split.
        tallies: of each split.
        part: the data set was made small on purpose: a class missing in train is a warning.
    """
    tallies = {name: tally for name, tally in tallies.items() if tally.objects}
    if "train" not in tallies or not all(tally.counted for tally in tallies.values()):
        return
    declared = {c.source_id: c.name for found in categories.values() for c in found}
    for source_id, name in declared.items():
        counts = {split: tally.objects[source_id] for split, tally in tallies.items()}
        train, anywhere = counts["train"], sum(counts.values())
        where = next((split for split, count in counts.items() if count), "train")
        file = tallies[where].files.get(source_id, "")
        value = f"{name} (id {source_id!r}): " + ", ".join(f"{k} {n}" for k, n in counts.items())
        if unused.broken(anywhere):
            yield _fault("", unused, "categories", value)
        elif never_trained.broken(train, anywhere - train):
            yield _fault(where, left_out if part else never_trained, "categories", value, file)
        elif "val" in counts and never_measured.broken(train, counts["val"]):
            yield _fault("val", never_measured, "categories", value)


def _fault(split: str, broken: Rule, field: str, value: object, file: str = "") -> Fault:
    return Fault(
        split=split,
        file=file,
        image_id=None,
        annotation_id=None,
        field=field,
        value=value,
        rule=broken.rule_id,
        severity=broken.severity,
        suggestion=broken.suggestion,
    )
