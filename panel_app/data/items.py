"""What a page shows of one image: a small item for the grid, a large one with every annotation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cvcore.data.contract.rule import RULES, json_able, short
from cvcore.data.images import header_size
from cvcore.data.records import Record
from cvcore.errors import DataError
from panel_app.data.choice import Choice
from panel_app.data.index import Index
from panel_app.data.inspection import Inspection, Wanted
from panel_app.data.overlay import shapes
from panel_app.data.sets import DataSets

_MAX_METADATA = 12
_MAX_PROBLEMS = 20
"""At the top of an image's list; each stands at its annotation too."""

_MAX_LISTED = 2_000
"""Annotations of one image in the list beside it; all are drawn."""


class Items:
    """Makes the items of one data set. Blocking (it reads records); thread-safe."""

    def __init__(
        self, sets: DataSets, choice: Choice, index: Index, inspection: Inspection | None
    ) -> None:
        """Take the data set and what is known of it."""
        self.sets, self.key, self.index, self.inspection = sets, choice.key, index, inspection

    def small(self, rows: Sequence[int]) -> list[dict[str, Any]]:
        """Return what the grid shows of some rows."""
        return [self._small(row) for row in rows]

    def large(self, row: int) -> dict[str, Any]:
        """Return one image with all that is known of it."""
        record, size = self.index.record(row)
        item = self._item(record, size, row, whole=True)
        split, place = self.index.place(row)
        item["url"] = self.sets.url("image", self.key, row)
        if record.mask is not None:
            item["mask"] = self.sets.url("mask", self.key, row, small=False)
        faults: list[dict[str, Any]] = []
        if self.inspection is not None:
            faults = self.inspection.faults(self.inspection.find(Wanted(row=row)))
        item["problems"] = [
            _sentence(f)
            if f["annotation_id"] is None
            else f"Annotation {f['annotation_id']}: {_sentence(f)}"
            for f in faults[:_MAX_PROBLEMS]
        ]
        item["objects"] = self._objects(record, item, faults)
        item["facts"] = self._facts(record, size, row, split, place)
        return item

    def _small(self, row: int) -> dict[str, Any]:
        record, size = self.index.record(row)
        item = self._item(record, size, row, whole=False)
        item["url"] = self.sets.url("thumbnail", self.key, row)
        if record.mask is not None:
            item["mask"] = self.sets.url("mask", self.key, row, small=True)
        return item

    def _item(
        self, record: Record, size: tuple[int, int] | None, row: int, *, whole: bool
    ) -> dict[str, Any]:
        path = record.image.path
        item: dict[str, Any] = {
            "row": row,
            "file": record.image.name if path is None else path.name,
            "said": self._said(record),
            **shapes(record, self.index.labels, size, whole=whole),
        }
        if size is not None:
            item["size"] = list(size)
        if record.segments:
            item["segments"] = len(record.segments)
        if self.inspection is not None and self.inspection.faults_by_row[row]:
            item["faults"] = int(self.inspection.faults_by_row[row])
        return item

    def _said(self, record: Record) -> str:
        if record.source_category is not None:
            return self._name(record.source_category)
        if self.index.kind == "semantic_segmentation" and not record.segments:
            return "" if record.mask is not None else "no mask"
        number = len(record.annotations) or len(record.segments)
        word = "segment" if record.segments else "object"
        return f"{number} {word}{'s' * (number != 1)}"

    def _name(self, source_id: int | str) -> str:
        place = self.index.labels.index_of.get(source_id)
        return str(source_id) if place is None else self.index.labels.names[place]

    def _objects(
        self, record: Record, item: dict[str, Any], faults: Sequence[dict[str, Any]]
    ) -> list[dict[str, Any]]:
        by_place: dict[int, list[str]] = {}
        for fault in faults:
            if fault["position"] is not None:
                by_place.setdefault(fault["position"], []).append(_sentence(fault))
        rows = []
        if record.annotations:
            for place, (annotation, box) in enumerate(
                zip(record.annotations, item["boxes"], strict=True)
            ):
                given = annotation.bbox_xywh
                where = "no box" if given is None else f"box {short(list(given))}"
                crowd = ", crowd" if annotation.iscrowd else ""
                area = "" if annotation.area is None else f", area {annotation.area:,.0f}"
                where = f"id {annotation.annotation_id}: {where}{area}{crowd}"
                rows.append(self._object(annotation.source_category, box[0], where, place))
        else:
            index_of = self.index.labels.index_of
            for place, segment in enumerate(record.segments):
                area = "" if segment.area is None else f": {segment.area:,.0f} pixels"
                where = f"id {segment.segment_id}{area}{', crowd' if segment.iscrowd else ''}"
                own = index_of.get(segment.source_category, -1)
                rows.append(self._object(segment.source_category, own, where, place))
        for row in rows:
            row["faults"] = by_place.get(row.pop("place"), [])
        return rows[:_MAX_LISTED]

    def _object(self, source_id: int | str, index: int, where: str, place: int) -> dict[str, Any]:
        label = self._name(source_id)
        if index < 0:
            label = f"category {source_id}, not in the list of classes"
        return {"class": index, "label": label, "where": where, "place": place}

    def _facts(
        self, record: Record, size: tuple[int, int] | None, row: int, split: str, place: int
    ) -> list[list[str]]:
        if size is None:
            try:
                _, checked = self.sets.record(self.key, row)
                size = header_size(checked.image)
            except (DataError, OSError):
                size = None
        facts = [["Split", f"{split}, image {place + 1:,}"], ["Image id", str(record.image_id)]]
        if size is not None:
            facts.append(["Size", f"{size[1]:,} x {size[0]:,} pixels"])
        if record.source_category is not None:
            facts.append(["Class", self._name(record.source_category)])
        if record.image.path is not None:
            facts.append(["File", self.sets.roots.shown(record.image.path)])
        if record.mask is not None and record.mask.path is not None:
            facts.append(["Mask", self.sets.roots.shown(record.mask.path)])
        known = json_able(record.metadata)
        facts += [[str(k), short(v, 120)] for k, v in list(known.items())[:_MAX_METADATA]]
        return facts


def _sentence(fault: dict[str, Any]) -> str:
    rule = RULES.get(fault["rule"])
    demand = f": {rule.statement}" if rule else ""
    return f"{fault['field']} = {fault['value']} ({fault['rule']}{demand})"
