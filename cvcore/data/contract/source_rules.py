"""The rules of ids and files, and the faults that a reader found in its source. Torch-free.

Readers keep a `faults` tuple of `cvcore.data.readers.packed.SourceFault`: rows that no record can
hold (an annotation of an unlisted image), or fields of a wrong type, which the record then lacks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from cvcore.data.contract import box_rules, mask_rules
from cvcore.data.contract.record_rules import category_unknown
from cvcore.data.contract.rule import RULES, Fault, Finding, Rule, rule
from cvcore.data.contract.visit import Visit
from cvcore.data.readers.first import FirstSplit
from cvcore.data.records import Split


@rule("image-id-duplicate", "an image id is used once in its split",
      "give each image its own id", drop="image")  # fmt: skip
def image_twice(image_id: int | str, seen: Mapping[int | str, str]) -> bool:
    """Return whether an earlier record has the id."""
    return image_id in seen


@rule("image-file-duplicate", "an image file is listed once in its split",
      "list it once, with all its annotations", severity="warning")  # fmt: skip
def file_twice(file: str, seen: Mapping[str, int | str]) -> bool:
    """Return whether an earlier record has the file."""
    return file in seen


@rule("image-file-in-two-splits", "an image file is in one split only",
      "keep it in one: what is measured on it was trained on", severity="warning")  # fmt: skip
def file_in_two(splits: list[str]) -> bool:
    """Return whether several splits list it."""
    return len(splits) > 1


@rule("annotation-id-duplicate", "an annotation id is used once in its split",
      "number the annotations again", severity="warning")  # fmt: skip
def annotation_twice(annotation_id: int | str, seen: Mapping[int | str, str]) -> bool:
    """Return whether an earlier annotation has the id."""
    return annotation_id in seen


@rule("annotation-image-unknown", "an annotation belongs to a listed image",
      "list the image, or remove the annotation", drop="annotation")  # fmt: skip
def image_unknown(image_id: object, listed: set[int | str]) -> bool:
    """Return whether no image has the id (the reader has looked)."""
    return image_id not in listed


@rule("iscrowd-invalid", "iscrowd is 0 or 1", "set iscrowd to 0 or 1",
      severity="warning", repair="read as 1 if it is not 0")  # fmt: skip
def iscrowd_invalid(value: object) -> bool:
    """Return whether it is anything else (the reader has looked)."""
    return value not in (0, 1)


@rule("source-malformed", "a row of an annotation file has the form its format demands",
      "correct it in the annotation file", drop="annotation")  # fmt: skip
def source_malformed(value: object) -> bool:
    """Return whether a reader could not hold it."""
    return value is not None


_RULE_OF_FIELD: dict[str, Rule] = {
    "image_id": image_unknown,
    "category_id": category_unknown,
    "bbox": box_rules.malformed,
    "segmentation": mask_rules.malformed,
    "iscrowd": iscrowd_invalid,
}
_FIELDS = ("bbox", "segmentation", "iscrowd")
"""Fields that a record's annotation can lack, or have as something else."""
_LOST = {box_rules.missing: "bbox", mask_rules.missing: "segmentation"}


@dataclass(slots=True)
class SourceFaults:
    """What a split's reader found, matched with what its records then lack."""

    waiting: dict[tuple[int | str, str], Fault]

    @classmethod
    def of(cls, name: str, split: Split) -> SourceFaults:
        """Return the faults of a split's reader; none where it keeps none."""
        read = split.split if isinstance(split, FirstSplit) else split
        found = getattr(read, "faults", ())
        faults = {}
        for item in found:
            broken = _RULE_OF_FIELD.get(item.field, source_malformed)
            faults[item.annotation_id, item.field] = Fault(
                split=name,
                file=str(item.file),
                image_id=None,
                annotation_id=item.annotation_id,
                field=item.field,
                value=item.value,
                rule=broken.rule_id,
                severity=broken.severity,
                suggestion=item.fix or broken.suggestion,
            )
        return cls(faults)

    def placed(self, found: Visit) -> list[tuple[Finding, int | str | None]]:
        """Return a visit's findings, with what the source has in place of a lost field."""
        findings = list(found.findings)
        if not self.waiting:
            return findings
        for position, annotation_id in enumerate(found.annotation_ids):
            for field in _FIELDS:
                known = self.waiting.pop((annotation_id, field), None)
                if known is None:
                    continue
                findings = [
                    (f, i)
                    for f, i in findings
                    if f.position != position or _LOST.get(f.rule) != field
                ]
                finding = Finding(RULES[known.rule], field, known.value, position)
                findings.append((finding, annotation_id))
        return findings

    def rest(self) -> Iterator[Fault]:
        """Yield what matched no record's lack."""
        yield from self.waiting.values()


def check_identity(
    found: Visit,
    image_ids: dict[int | str, str],
    files: dict[str, int | str],
    annotation_ids: dict[int | str, str],
) -> Iterator[tuple[Finding, int | str | None]]:
    """Yield ids and files seen before in the split; enters the record's into the three maps."""
    if image_twice.broken(found.image_id, image_ids):
        value = f"{found.image_id!r}, also {image_ids[found.image_id]}"
        yield Finding(image_twice, "id", value), None
    elif file_twice.broken(found.file, files):
        value = f"also image {files[found.file]!r}"
        yield Finding(file_twice, "file_name", value), None
    image_ids.setdefault(found.image_id, found.file)
    files.setdefault(found.file, found.image_id)
    for position, annotation_id in enumerate(found.annotation_ids):
        if annotation_twice.broken(annotation_id, annotation_ids):
            value = f"{annotation_id!r}, also of {annotation_ids[annotation_id]}"
            yield Finding(annotation_twice, "id", value, position), annotation_id
        annotation_ids.setdefault(annotation_id, found.file)


def check_across(
    splits: Mapping[str, Split], files: Mapping[str, Mapping[str, int | str]]
) -> Iterator[Fault]:
    """Yield files that several splits list; `files` maps file to image id for each split."""
    where: dict[str, list[str]] = {}
    for name in splits:
        for file in files[name]:
            where.setdefault(file, []).append(name)
    for file, names in where.items():
        if file_in_two.broken(names):
            yield Fault(
                split=names[-1],
                file=file,
                image_id=files[names[-1]][file],
                annotation_id=None,
                field="file_name",
                value=f"in {', '.join(names)}",
                rule=file_in_two.rule_id,
                severity=file_in_two.severity,
                suggestion=file_in_two.suggestion,
            )
