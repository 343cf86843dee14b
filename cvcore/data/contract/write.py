"""A whole copy of a data set that breaks no rule. Torch-free."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from cvcore.config.schema import DataConf
from cvcore.data.contract.apply import refused
from cvcore.data.contract.check import expected_of
from cvcore.data.contract.report import ContractReport, Treatment
from cvcore.data.contract.rule import RULES
from cvcore.data.contract.treat import treat
from cvcore.data.convert import ConvertReport, export
from cvcore.data.labels import LabelSpace
from cvcore.data.records import Split
from cvcore.errors import DataError


def write_repaired(
    splits: Mapping[str, Split],
    report: ContractReport,
    conf: DataConf,
    out: Path,
    images: str = "copy",
) -> tuple[ConvertReport, tuple[Treatment, ...]]:
    """Write a repaired copy in the standard layout of its task; see `cvcore.data.convert.export`.

    COCO, COCO panoptic, masks and image folders stay what they are; tables become one of those.
    What can't be repaired is left out. The originals are only read.

    Args:
        splits: those that were checked.
        report: what `check` found, with all images decoded.
        conf: the group `data`.
        out: a new or empty folder.
        images: copy, or link (hard links).

    Returns:
        What was written, and what was done about each fault.

    Raises:
        DataError: a fault that can't be repaired by leaving something out, `out` is not empty, or
            the disk is full.
    """
    stops = [f for f in report.errors if RULES[f.rule].drop == "stop" and f.rule not in _OF_CLASSES]
    if stops:
        raise refused(stops, report.kind, conf)
    labels = LabelSpace.over(split.categories for split in splits.values())
    treated, treatments = treat(splits, report, expected_of(splits, report.kind, conf), "repair")
    for name, split in treated.items():
        if len(split) == 0:
            raise DataError(
                f"no image of split {name!r} can be repaired, so there is nothing to write. "
                "Restore its images; the findings say what is wrong with each."
            )
    return export(treated, labels, out, report.kind, images), treatments


_OF_CLASSES = {"class-never-trained", "split-no-object", "split-unusable"}
"""Not the copy's to mend, and no reason not to write it: who inspects the copy is told again."""
