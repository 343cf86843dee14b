"""Pascal VOC and YOLO become COCO; our splits become standard layouts and read back the same."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cvcore.config.schema import (
    CocoConf,
    CocoPanopticConf,
    ImageFolderConf,
    SemanticMasksConf,
)
from cvcore.data.convert import convert, export
from cvcore.data.labels import LabelSpace
from cvcore.data.readers import open_splits
from cvcore.data.records import Annotation, Category, ImageRef, ListSplit, PanopticSegment, Record
from cvcore.errors import DataError

BCCD = Path(__file__).parents[4] / "shared/data/bccd"


def png(values=None, size=(24, 32)):
    buffer = io.BytesIO()
    pixels = np.full((*size, 3), 90, np.uint8) if values is None else np.asarray(values, np.uint8)
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def write(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def bytes_of(folder):
    return {p: p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def voc_xml(name="a.png", objects=(("dog", 3, 4, 12, 13, 0),)):
    items = "".join(
        f"<object><name>{n}</name><difficult>{d}</difficult><bndbox><xmin>{x1}</xmin>"
        f"<ymin>{y1}</ymin><xmax>{x2}</xmax><ymax>{y2}</ymax></bndbox></object>"
        for n, x1, y1, x2, y2, d in objects
    )
    return (
        f"<annotation><filename>{name}</filename><size><width>32</width><height>24</height>"
        f"<depth>3</depth></size>{items}</annotation>"
    )


@pytest.fixture
def voc(tmp_path):
    root = tmp_path / "VOCdevkit" / "VOC2012"
    objects = [("dog", 3, 4, 12, 13, 0), ("cat", 1, 1, 32, 24, 1)]
    write(root / "Annotations/a.xml", voc_xml("a.png", objects))
    write(root / "Annotations/b.xml", voc_xml("b.png", []))
    write(root / "Annotations/c.xml", voc_xml("renamed.png"))
    for name in "abc":
        write(root / f"JPEGImages/{name}.png", png())
    write(root / "ImageSets/Main/train.txt", "a\nb\n")
    write(root / "ImageSets/Main/val.txt", "c  1\n")
    return tmp_path / "VOCdevkit"


def read_back(out, kind="detection", **options):
    splits = open_splits(CocoConf(root=str(out), **options), kind)
    return LabelSpace.over(s.categories for s in splits.values()), splits


def test_voc(voc, tmp_path):
    before = bytes_of(voc)
    report = convert("voc", voc, tmp_path / "out", "detection")
    assert report.num_images == {"train": 2, "val": 1}
    assert report.num_annotations == {"train": 2, "val": 1}
    assert report.overrides == ("data=coco", f"data.root={tmp_path / 'out'}")
    assert report.faults == ()
    assert bytes_of(voc) == before
    labels, splits = read_back(tmp_path / "out")
    assert labels.names == list(report.classes) == ["cat", "dog"]
    dog, cat = splits["train"][0].annotations
    assert dog.bbox_xywh == (2, 3, 10, 10)  # 1-based, inclusive
    assert (cat.bbox_xywh, cat.iscrowd) == ((0, 0, 32, 24), True)
    assert splits["train"][1].annotations == ()
    assert splits["val"][0].image.path.read_bytes() == png()


def test_voc_of_an_exporter(tmp_path):
    root = tmp_path / "export"
    for split in ("train", "valid", "test"):
        write(root / split / "a.png", png())
        write(root / split / "a.xml", voc_xml())
    report = convert("voc", root, tmp_path / "out", "detection")
    assert report.num_images == {"train": 1, "val": 1, "test": 1}
    options = dict(override.removeprefix("data.").split("=") for override in report.overrides[2:])
    assert len(read_back(tmp_path / "out", **options)[1]) == 3


def test_voc_without_lists_is_all_train(voc, tmp_path):
    for path in (voc / "VOC2012/ImageSets/Main").iterdir():
        path.unlink()
    assert convert("voc", voc, tmp_path / "out", "detection").num_images == {"train": 3}


def test_voc_faults_are_reported_and_the_rest_is_kept(voc, tmp_path):
    xml = voc_xml(
        "a.png", [("dog", 3, 4, 12, 13, 0), ("", 1, 1, 2, 2, 0), ("cat", "x", 1, 2, 2, 0)]
    )
    write(voc / "VOC2012/Annotations/a.xml", xml)
    report = convert("voc", voc, tmp_path / "out", "detection")
    assert report.num_annotations["train"] == 1
    assert [fault.split("VOC2012/")[1][:27] for fault in report.faults] == [
        "Annotations/a.xml, object 1",
        "Annotations/a.xml, object 2",
    ]


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><annotation>&b;</annotation>'
LEAK = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><annotation>&a;</annotation>'


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (BOMB.encode(), "has a DOCTYPE .x., which is refused"),
        (LEAK.encode(), "has a DOCTYPE .x., which is refused"),
        (f'<?xml version="1.0" encoding="utf-16"?>{BOMB}'.encode("utf-16"), "has a DOCTYPE"),
        (b"<annotation>", "can't be read as XML: no element found: line 1"),
        (b"", "can't be read as XML"),
        (voc_xml("nowhere.png").encode(), None),
        (voc_xml("../../../../secret.png").encode(), "leads outside"),
    ],
)
def test_hostile_and_broken_xml(voc, tmp_path, data, message):
    write(tmp_path / "secret.png", png())
    write(voc / "VOC2012/Annotations/a.xml", data)
    if message is None:  # the image of the same stem is taken
        assert convert("voc", voc, tmp_path / "out", "detection").num_images["train"] == 2
        return
    with pytest.raises(DataError, match=message):
        convert("voc", voc, tmp_path / "out", "detection")
    assert not (tmp_path / "out").exists()


def test_an_image_that_is_not_there(voc, tmp_path):
    (voc / "VOC2012/JPEGImages/a.png").unlink()
    with pytest.raises(DataError, match=r"a\.xml is about the image 'a\.png', which is not in"):
        convert("voc", voc, tmp_path / "out", "detection")


def test_a_list_that_names_more_than_there_is(voc, tmp_path):
    write(voc / "VOC2012/ImageSets/Main/train.txt", "a\nq\n")
    with pytest.raises(DataError, match=r"names q\.xml, which is not in"):
        convert("voc", voc, tmp_path / "out", "detection")


@pytest.fixture
def yolo(tmp_path):
    root = tmp_path / "yolo"
    for split in ("train", "val"):
        write(root / f"images/{split}/a.png", png())
        write(root / f"images/{split}/b.png", png())
    write(root / "labels/train/a.txt", "1 0.5 0.5 0.25 0.5\n\n0 0 0 0.5 0 0.5 0.5\n")
    write(root / "labels/val/a.txt", "0 0.5 0.5 1 1\n")
    config = "path: ../datasets/elsewhere\ntrain: images/train\nval: images/val\n"
    write(root / "data.yaml", config + "names: {0: cat, 1: dog}\n")
    return root


def test_yolo_detection(yolo, tmp_path):
    before = bytes_of(yolo)
    report = convert("yolo", yolo, tmp_path / "out", "detection")
    assert report.num_images == {"train": 2, "val": 2}
    assert report.faults == ()
    assert bytes_of(yolo) == before
    labels, splits = read_back(tmp_path / "out")
    assert labels.names == ["cat", "dog"]
    box, polygon = splits["train"][0].annotations
    assert (box.source_category, box.bbox_xywh) == (1, (12, 6, 8, 12))
    assert (polygon.source_category, polygon.bbox_xywh) == (0, (0, 0, 16, 12))
    assert splits["train"][1].annotations == ()  # background


def test_yolo_polygons(yolo, tmp_path):
    write(yolo / "labels/val/a.txt", "0 0 0 1 0 1 1 0 1\n")
    report = convert("yolo", yolo, tmp_path / "out", "instance_segmentation")
    assert len(report.faults) == 1
    assert "a.txt, line 1: it is a box; instance segmentation needs a polygon" in report.faults[0]
    _, splits = read_back(tmp_path / "out", "instance_segmentation")
    (found,) = splits["train"][0].annotations
    assert found.segmentation == [[0, 0, 16, 0, 16, 12]]
    (whole,) = splits["val"][0].annotations
    assert whole.area == 24 * 32


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("7 0.5 0.5 0.1 0.1", "class 7 has no name"),
        ("0 0.5 0.5 0.1", "a box has 4 numbers and a polygon 6 or more"),
        ("cat 0.5 0.5 0.1 0.1", "invalid literal"),
        ("0 0.5 0.5 0.1 wide", "could not convert"),
    ],
)
def test_yolo_faults_name_file_and_line(yolo, tmp_path, line, message):
    write(yolo / "labels/val/a.txt", f"0 0.5 0.5 0.1 0.1\n{line}\n")
    report = convert("yolo", yolo, tmp_path / "out", "detection")
    (fault,) = report.faults
    assert "labels/val/a.txt, line 2: " in fault
    assert message in fault
    assert report.num_annotations["val"] == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("train: images/train\n", "needs names:"),
        ("names: [a]\n", "names no split"),
        ("names: [a]\ntrain: images/trian\n", "names 'images/trian', which is not in"),
        ("names: [a]\ntrain: ../../etc\n", "which is not in"),
        ("names: [a\n", "not valid YAML"),
        ("just text", "must hold train"),
        ("!!python/object/apply:os.system ['true']", "not valid YAML"),
    ],
)
def test_yolo_configurations_that_cannot_be_read(yolo, tmp_path, content, message):
    write(yolo / "data.yaml", content)
    with pytest.raises(DataError, match=message):
        convert("yolo", yolo, tmp_path / "out", "detection")


def test_yolo_of_an_exporter(tmp_path):
    root = tmp_path / "export"
    for split in ("train", "valid"):
        write(root / split / "images/a.png", png())
        write(root / split / "labels/a.txt", "0 0.5 0.5 1 1\n")
    write(root / "data.yaml", "train: ../train/images\nval: ../valid/images\nnames: ['a']\n")
    report = convert("yolo", root, tmp_path / "out", "detection")
    assert report.num_annotations == {"train": 1, "val": 1}


def test_yolo_lists_of_images(yolo, tmp_path):
    write(yolo / "train.txt", "./images/train/a.png\n")
    write(yolo / "data.yaml", "train: train.txt\nval: [images/val, images/train]\nnames: [a, b]\n")
    report = convert("yolo", yolo, tmp_path / "out", "detection")
    assert report.num_images == {"train": 1, "val": 4}
    names = [
        row["file_name"]
        for row in json.loads((tmp_path / "out/annotations/instances_val.json").read_text())[
            "images"
        ]
    ]
    assert len(set(names)) == 4


@pytest.mark.parametrize(
    ("source_format", "kind", "message"),
    [
        ("yollo", "detection", "can't be imported. Formats: voc, yolo. Did you mean 'yolo'"),
        ("voc", "classification", "imported for detection, not for classification"),
    ],
)
def test_what_is_not_offered(tmp_path, source_format, kind, message):
    with pytest.raises(DataError, match=message):
        convert(source_format, tmp_path, tmp_path / "out", kind)


def test_nothing_is_overwritten(voc, tmp_path):
    write(tmp_path / "out/mine.txt", "x")
    with pytest.raises(DataError, match=r"is not empty\. Give a new folder"):
        convert("voc", voc, tmp_path / "out", "detection")
    assert (tmp_path / "out/mine.txt").read_text() == "x"


def test_linked_images_take_no_space(voc, tmp_path):
    convert("voc", voc, tmp_path / "out", "detection", images="link")
    image = tmp_path / "out/train/a.png"
    assert image.stat().st_ino == (voc / "VOC2012/JPEGImages/a.png").stat().st_ino
    assert len(read_back(tmp_path / "out")[1]["train"]) == 2


def one_split(records, categories):
    return {name: ListSplit(name, categories, records) for name in ("train", "val")}


def test_export_of_instances_from_bytes(tmp_path):
    polygon = [2.0, 3.0, 12.0, 3.0, 12.0, 13.0]
    annotations = (
        Annotation("x", "dog", segmentation=[polygon]),
        Annotation("x", "cat", (0, 0, 2, 24), {"size": [24, 32], "counts": [0, 48, 720]}, 48, True),
        Annotation("y", "emu", (0, 0, 2, 24)),
    )
    record = Record("one", ImageRef(data=png()), None, annotations)
    splits = one_split([record], [Category("cat", "cat"), Category("dog", "dog")])
    labels = LabelSpace.over(s.categories for s in splits.values())
    report = export(splits, labels, tmp_path / "out", "instance_segmentation")
    assert len(report.faults) == 2
    assert "its category 'emu' is not declared. It was left out." in report.faults[0]
    _, back = read_back(tmp_path / "out", "instance_segmentation")
    dog, cat = back["train"][0].annotations
    assert dog.segmentation == [polygon]
    assert dog.bbox_xywh is not None
    assert (cat.area, cat.iscrowd) == (48, True)
    assert back["train"][0].size_hw == (24, 32)


def test_export_of_panoptic(tmp_path):
    ids = np.zeros((24, 32, 3), np.uint8)
    ids[:10] = (1, 2, 0)
    path = write(tmp_path / "a.png", png())
    mask = write(tmp_path / "m.png", png(ids))
    segment = PanopticSegment(513, 9, area=320.0)
    record = Record(4, ImageRef(path), (24, 32), mask=ImageRef(mask), segments=(segment,))
    splits = one_split([record], [Category(9, "sky", isthing=False)])
    labels = LabelSpace.over(s.categories for s in splits.values())
    report = export(splits, labels, tmp_path / "out", "panoptic_segmentation")
    assert report.num_annotations == {"train": 1, "val": 1}
    conf = CocoPanopticConf(root=str(tmp_path / "out"))
    back = open_splits(conf, "panoptic_segmentation")["train"]
    assert back[0].segments == (segment,)
    assert back[0].mask.read() == mask.read_bytes()
    assert LabelSpace.over([back.categories]).hash == labels.hash
    export(splits, labels, tmp_path / "instances", "instance_segmentation")
    (found,) = read_back(tmp_path / "instances", "instance_segmentation")[1]["train"][0].annotations
    assert (found.bbox_xywh, found.area) == ((0, 0, 32, 10), 320)


def test_export_of_masks_and_of_classes(tmp_path):
    mask = write(tmp_path / "deep" / "m.png", png(np.full((24, 32), 3)))
    images = [write(tmp_path / f"{i}" / "a.png", png()) for i in range(2)]
    records = [
        Record(str(p), ImageRef(p), source_category=3, mask=ImageRef(mask), ignore_value=0)
        for p in images
    ]
    splits = one_split(records, [Category(3, "road")])
    labels = LabelSpace.over(s.categories for s in splits.values())
    report = export(splits, labels, tmp_path / "masks", "semantic_segmentation")
    assert "data.ignore_value=0" in report.overrides
    conf = SemanticMasksConf(root=str(tmp_path / "masks"), ignore_value=0)
    back = open_splits(conf, "semantic_segmentation")["train"]
    assert [r.image_id for r in back] == ["a.png", "a_2.png"]
    assert all(r.mask.read() == mask.read_bytes() for r in back)
    export(splits, labels, tmp_path / "folders", "classification")
    conf = ImageFolderConf(root=str(tmp_path / "folders"))
    assert [r.source_category for r in open_splits(conf, "classification")["val"]] == ["road"] * 2


@pytest.mark.skipif(not BCCD.is_dir(), reason="the blood-cell data set is not here")
def test_blood_cells_through_export_and_back(tmp_path):
    splits = open_splits(CocoConf(root=str(BCCD)), "detection")
    labels = LabelSpace.over(s.categories for s in splits.values())
    export(splits, labels, tmp_path / "out", "detection")
    _, back = read_back(tmp_path / "out")
    for name, split in splits.items():
        for index in range(len(split)):
            assert back[name][index].annotations == split[index].annotations
            assert back[name][index].image_id == split[index].image_id
