"""Other formats to ours: Pascal VOC and YOLO to COCO JSON; our splits to standard layouts.

Originals are only read. Everything is written beside the target and renamed at the end, so that a
folder with the target's name is always whole. Torch-free.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from cvcore.data.convert.export import export
from cvcore.data.convert.report import ConvertReport
from cvcore.data.convert.voc import read_voc
from cvcore.data.convert.yolo import read_yolo
from cvcore.data.labels import LabelSpace
from cvcore.data.places import require_folder
from cvcore.errors import DataError, did_you_mean

FORMATS = {"voc": ("detection",), "yolo": ("detection", "instance_segmentation")}
"""Formats that can be imported, and what for."""

__all__ = ["FORMATS", "ConvertReport", "convert", "export"]


def convert(
    source_format: str, root: Path, out: Path, kind: str, images: str = "copy"
) -> ConvertReport:
    """Write a data set of another format as COCO: what `data=coco data.root=<out>` reads.

    Args:
        source_format: voc or yolo.
        root: the data set's folder.
        out: a new or empty folder.
        kind: detection or instance_segmentation.
        images: how images come to `out`: copy, or link (hard links: no space, same disk only).

    Raises:
        DataError: no such format, a format without data for `kind`, nothing found, `out` is not
            empty, or the disk is full. Single faulty annotations are left out and reported.
    """
    if source_format not in FORMATS:
        raise DataError(
            f"format {source_format!r} can't be imported. Formats: {', '.join(FORMATS)}."
            + did_you_mean(source_format, FORMATS)
        )
    if kind not in FORMATS[source_format]:
        raise DataError(
            f"{source_format} is imported for {', '.join(FORMATS[source_format])}, not for {kind}. "
            "Choose one of those; VOC's semantic masks are read as they are with "
            "data=semantic_masks."
        )
    require_folder(root, "the data set")
    imported = read_voc(root) if source_format == "voc" else read_yolo(root, kind)
    labels = LabelSpace.over(split.categories for split in imported.splits.values())
    report = export(imported.splits, labels, out, kind, images)
    return replace(report, faults=(*imported.faults, *report.faults))
