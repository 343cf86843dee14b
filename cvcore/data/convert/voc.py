"""Pascal VOC: one XML of boxes per image.

Two layouts are read: the challenge's (Annotations/, JPEGImages/, ImageSets/Main/<split>.txt; without
ImageSets everything is train) and the exporters' (<split>/*.xml beside the images).

- Boxes are 1-based and inclusive: xmin 1, xmax 10 are ten pixels, xywh left 0, width 10.
- `difficult` objects become crowd: the VOC metric ignores them, as COCO's ignores crowd; they are
  never trained on.

Source: The PASCAL VOC 2012 development kit, Everingham and Winn, sections 3 and 4.2.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from cvcore.data.convert.report import Imported
from cvcore.data.places import Inside, require_folder
from cvcore.data.readers.files import IMAGE_SUFFIXES
from cvcore.data.records import Annotation, Category, ImageRef, ListSplit, Record, Split
from cvcore.errors import DataError

_SPLITS = {"train": ("train", "trainval"), "val": ("val", "valid", "validation"), "test": ("test",)}


def read_voc(root: Path) -> Imported:
    """Return the splits of a Pascal VOC data set.

    Raises:
        DataError: no annotation is found, a split names an image without one, an XML is not
            well-formed, or a name leads out of the data set.
    """
    root = _devkit(root)
    found = _listed_splits(root) if (root / "Annotations").is_dir() else _split_folders(root)
    if not any(found.values()):
        raise DataError(
            f"{root} holds no Pascal VOC annotation. It must hold Annotations/*.xml and "
            "JPEGImages/, or a folder per split (train, valid, test) with XML files beside images."
        )
    faults: list[str] = []
    records = {
        name: [_record(path, images, root, faults) for path, images in places]
        for name, places in found.items()
    }
    names = {
        str(annotation.source_category)
        for split in records.values()
        for record in split
        for annotation in record.annotations
    }
    ids = {name: number for number, name in enumerate(sorted(names), start=1)}
    categories = [Category(number, name) for name, number in ids.items()]
    splits: dict[str, Split] = {
        name: ListSplit(name, categories, [_numbered(record, ids) for record in split])
        for name, split in records.items()
        if split
    }
    return Imported(splits, tuple(faults))


_Place = tuple[Path, Path]  # an XML, and the folder of its image


def _devkit(root: Path) -> Path:
    """Return the folder that holds Annotations: `root`, or its one VOC<year> folder."""
    years = [p.parent for p in sorted(root.glob("**/VOC2*/Annotations"))]
    if (root / "Annotations").is_dir() or not years:
        return root
    if len(years) > 1:
        raise DataError(
            f"{root} holds {', '.join(p.name for p in years)}. Give one of them, e.g. {years[-1]}."
        )
    return years[0]


def _listed_splits(root: Path) -> dict[str, list[_Place]]:
    annotations, images = root / "Annotations", require_folder(root / "JPEGImages", "JPEGImages")
    lists = root / "ImageSets" / "Main"
    found: dict[str, list[_Place]] = {}
    for name, aliases in _SPLITS.items():
        path = next((p for a in aliases if (p := lists / f"{a}.txt").is_file()), None)
        if path is None:
            continue
        stems = [line.split()[0] for line in path.read_text().splitlines() if line.strip()]
        within = Inside(annotations, root, path)
        files = [within.find(f"{stem}.xml") for stem in stems]
        missing = [p.name for p in files if not p.is_file()]
        if missing:
            raise DataError(
                f"{path} names {missing[0]}, which is not in {annotations} ({len(missing)} such). "
                "Add the annotation or take the name out of the list."
            )
        found[name] = [(p, images) for p in files]
    return found or {"train": [(p, images) for p in sorted(annotations.glob("*.xml"))]}


def _split_folders(root: Path) -> dict[str, list[_Place]]:
    found = {
        name: [(p, p.parent) for a in aliases for p in sorted((root / a).glob("**/*.xml"))]
        for name, aliases in _SPLITS.items()
    }
    if not any(found.values()):
        found["train"] = [(p, p.parent) for p in sorted(root.glob("*.xml"))]
    return found


def _record(path: Path, images: Path, root: Path, faults: list[str]) -> Record:
    """Return the record of an XML; categories are still names."""
    tree = _parse(path)
    size = tree.find("size")
    height, width = (_number(size, key) for key in ("height", "width"))
    annotations = []
    for position, item in enumerate(tree.iter("object")):
        name = (item.findtext("name") or "").strip()
        box = item.find("bndbox")
        left, top, right, bottom = (_number(box, k) for k in ("xmin", "ymin", "xmax", "ymax"))
        if not name or left is None or top is None or right is None or bottom is None:
            faults.append(
                f"{path}, object {position}: a name and a bndbox of four numbers are needed; it "
                "was left out."
            )
            continue
        bbox = (left - 1, top - 1, right - left + 1, bottom - top + 1)
        difficult = (item.findtext("difficult") or "0").strip() == "1"
        annotations.append(
            Annotation(position, name, bbox, area=bbox[2] * bbox[3], iscrowd=difficult)
        )
    return Record(
        image_id=path.stem,
        image=ImageRef(_image_of(path, tree, images, root)),
        size_hw=(int(height), int(width)) if height and width else None,
        annotations=tuple(annotations),
    )


def _image_of(path: Path, tree: ElementTree.Element, images: Path, root: Path) -> Path:
    """Return the image that an XML names, or the one of its own name (files get renamed)."""
    within = Inside(images, root, path)
    names = [(tree.findtext("filename") or "").strip()]
    names += [path.stem + suffix for suffix in sorted(IMAGE_SUFFIXES)]
    names += [path.stem + suffix.upper() for suffix in sorted(IMAGE_SUFFIXES)]
    for name in names:
        if name and (image := within.find(name)).is_file():
            return image
    raise DataError(
        f"{path} is about the image {names[0]!r}, which is not in {images}. Add the image or remove "
        "the XML."
    )


def _numbered(record: Record, ids: dict[str, int]) -> Record:
    annotations = tuple(
        Annotation(
            a.annotation_id, ids[str(a.source_category)], a.bbox_xywh, None, a.area, a.iscrowd
        )
        for a in record.annotations
    )
    return Record(record.image_id, record.image, record.size_hw, annotations)


def _number(parent: ElementTree.Element | None, key: str) -> float | None:
    try:
        return float(parent.findtext(key, "")) if parent is not None else None
    except ValueError:
        return None


class _Tree(ElementTree.TreeBuilder):
    """Builds a tree of XML that declares nothing: entities can blow up and read other files."""

    def doctype(self, name: str, *_: Any) -> None:
        raise DataError(f"it has a DOCTYPE ({name}), which is refused. Take it out")


def _parse(path: Path) -> ElementTree.Element:
    parser = ElementTree.XMLParser(target=_Tree())  # noqa: S314 (see _Tree)
    try:
        parser.feed(path.read_bytes())
        root: ElementTree.Element = parser.close()
    except (ElementTree.ParseError, DataError, ValueError) as error:
        raise DataError(f"{path} can't be read as XML: {error}. Correct or remove it.") from error
    return root
