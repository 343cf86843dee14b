"""The corpus: one fault in an otherwise clean data set each, and what must come of it."""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cvcore.data.contract import RULES, apply, check, mask_rules, write_repaired
from cvcore.data.contract.rule import short
from cvcore.data.labels import LabelSpace
from cvcore.data.load import Loader
from cvcore.data.readers import open_splits
from cvcore.errors import DataError

DETECT, INSTANCE, PANOPTIC, SEMANTIC, CLASSIFY = (
    "detection",
    "instance_segmentation",
    "panoptic_segmentation",
    "semantic_segmentation",
    "classification",
)
SAME, GONE, IMAGE, STOP = "same", "annotation gone", "image gone", "stop"


@dataclass(frozen=True)
class Case:
    """One fault.

    `drop` and `repair` are one of the words above, or the bbox (or area) that the object then has.
    """

    name: str
    kind: str
    rule: str
    break_it: Callable[[Any], object]
    file: str = "train/1.png"
    annotation_id: Any = 11
    key: str = "bbox"
    value: Any = ...
    drop: Any = GONE
    repair: Any = GONE
    also: Mapping[str, int] = field(default_factory=dict)


CASES: list[Case] = []


def _set(key: str, value: Any, annotation_id: int = 11, **more: Any) -> Callable[[Any], object]:
    def break_it(data: Any) -> None:
        data.annotation(annotation_id).update({key: value, **more})

    return break_it


def _add(name: str, kind: str, rule: str, break_it: Callable[[Any], object], **more: Any) -> None:
    CASES.append(Case(name, kind, rule, break_it, **more))


# Boxes. Without segmentation there is nothing to make a box from.
_NO_MASK = {"segmentation": []}
_WHOLE = [5, 5, 20, 15]
for name, bbox, rule, drop, repair in (
    ("zero width", [5, 5, 0, 15], "bbox-zero-area", GONE, GONE),
    ("zero height", [5, 5, 20, 0], "bbox-zero-area", GONE, GONE),
    ("zero both", [5, 5, 0, 0], "bbox-zero-area", GONE, GONE),
    ("right to left", [25, 5, -20, 15], "bbox-negative-size", GONE, _WHOLE),
    ("upwards", [5, 20, 20, -15], "bbox-negative-size", GONE, _WHOLE),
    ("NaN", [5, math.nan, 20, 15], "bbox-not-finite", GONE, GONE),
    ("infinite", [5, 5, math.inf, 15], "bbox-not-finite", GONE, GONE),
    ("beyond the right border", [64, 5, 20, 15], "bbox-outside", GONE, GONE),
    ("left of the image", [-30, 5, 20, 15], "bbox-outside", GONE, GONE),
    ("below the image", [5, 100, 20, 15], "bbox-outside", GONE, GONE),
    ("over the right border", [54, 5, 20, 15], "bbox-partly-outside", [54, 5, 10, 15], ...),
    ("over the top left", [-5, -5, 20, 15], "bbox-partly-outside", [0, 0, 15, 10], ...),
    ("tiny", [5, 5, 0.5, 0.5], "bbox-tiny", SAME, SAME),
    ("three numbers", [5, 5, 20], "bbox-malformed", GONE, GONE),
    ("text", "5 5 20 15", "bbox-malformed", GONE, GONE),
    ("with a null", [5, 5, None, 15], "bbox-malformed", GONE, GONE),
):
    again = drop if repair is ... else repair
    small = {"area": 1} if rule == "bbox-tiny" else {}
    _add(f"bbox {name}", DETECT, rule, _set("bbox", bbox, **_NO_MASK, **small),
         value=bbox, drop=drop, repair=again)  # fmt: skip
_add("bbox missing", DETECT, "bbox-missing", _set("bbox", None, **_NO_MASK), value=None)
_add("bbox zero, mask whole", INSTANCE, "bbox-zero-area", _set("bbox", [5, 5, 0, 0]), repair=_WHOLE)
_add("bbox text, mask whole", INSTANCE, "bbox-malformed", _set("bbox", "x"), repair=_WHOLE)

# What else an annotation says.
_add("category unknown", DETECT, "category-unknown", _set("category_id", 9), key="category_id",
     value=9)  # fmt: skip
_add("category null", DETECT, "category-unknown", _set("category_id", None), key="category_id",
     value=None, file="annotations/instances_train.json")  # fmt: skip
_add("image unknown", DETECT, "annotation-image-unknown", _set("image_id", 99), key="image_id",
     value=99, file="annotations/instances_train.json")  # fmt: skip
_add("annotation id twice", DETECT, "annotation-id-duplicate", _set("id", 12), annotation_id=12,
     key="id", drop=SAME, repair=SAME)  # fmt: skip
_add("iscrowd 7", DETECT, "iscrowd-invalid", _set("iscrowd", 7), key="iscrowd", value=7,
     drop=SAME, repair=SAME)  # fmt: skip
_add("area negative", DETECT, "area-mismatch", _set("area", -3, **_NO_MASK), key="area",
     value=-3, drop=SAME, repair=300)  # fmt: skip
_add("area of another", DETECT, "area-mismatch", _set("area", 4000), key="area", value=4000,
     drop=SAME, repair=300)  # fmt: skip

# Segmentations.
_SQUARE = [5, 5, 25, 5, 25, 20, 5, 20]
for name, segmentation, rule, key, drop, repair in (
    ("none", [], "segmentation-missing", "segmentation", GONE, GONE),
    ("text", "x", "segmentation-malformed", "segmentation", GONE, GONE),
    ("odd", [[5, 5, 25, 5, 25, 20, 5]], "polygon-odd", "segmentation[0]", GONE, GONE),
    ("two points", [[5, 5, 25, 5]], "polygon-short", "segmentation[0]", GONE, GONE),
    ("NaN", [[5, 5, 25, math.nan, 25, 20]], "polygon-not-finite", "segmentation[0]", GONE, GONE),
    ("a line", [[5, 5, 10, 5, 25, 5]], "polygon-zero-area", "segmentation[0]", GONE, GONE),
    ("outside", [[70, 5, 90, 5, 90, 20]], "polygon-outside", "segmentation[0]", GONE, GONE),
    ("over the border", [[5, 5, 95, 5, 95, 20, 5, 20]], "polygon-partly-outside",
     "segmentation[0]", [5, 5, 59, 15], [5, 5, 59, 15]),
    ("second broken", [_SQUARE, [1, 1, 2, 2]], "polygon-short", "segmentation[1]", GONE, _WHOLE),
    ("RLE of another size", {"size": [20, 20], "counts": [0, 400]}, "rle-size", "segmentation",
     GONE, GONE),
    ("RLE with too few runs", {"size": [48, 64], "counts": [0, 9]}, "rle-malformed",
     "segmentation", GONE, GONE),
    ("RLE cut off", {"size": [48, 64], "counts": "PPY1"}, "rle-malformed", "segmentation",
     GONE, GONE),
    ("RLE without pixels", {"size": [48, 64], "counts": [48 * 64]}, "rle-empty", "segmentation",
     GONE, GONE),
):  # fmt: skip
    _add(f"segmentation {name}", INSTANCE, rule, _set("segmentation", segmentation), key=key,
         drop=drop, repair=repair)  # fmt: skip


# Image files.
def _bytes(change: Callable[[bytes], bytes]) -> Callable[[Any], object]:
    def break_it(data: Any) -> None:
        path = data.root / "train/1.png"
        path.write_bytes(change(path.read_bytes()))

    return break_it


def _saved(mode: str, **options: Any) -> Callable[[Any], object]:
    def break_it(data: Any) -> None:
        path = data.root / "train/1.png"
        Image.open(path).convert(mode).save(path, **options)

    return break_it


def _sixteen_bits(data: Any) -> None:
    grey = np.arange(48 * 64, dtype=np.uint16).reshape(48, 64) * 20
    Image.fromarray(grey).save(data.root / "train/1.png")


def _damaged(content: bytes) -> bytes:
    middle = content.index(b"IDAT") + 40
    return content[:middle] + bytes(60) + content[middle + 60 :]


_FILE = {"annotation_id": None, "key": "file_name", "drop": IMAGE, "repair": IMAGE}
_add("file missing", DETECT, "image-missing", lambda d: (d.root / "train/1.png").unlink(), **_FILE)
_add("file empty", DETECT, "image-empty", _bytes(lambda b: b""), **_FILE)
_add("file of text", DETECT, "image-corrupt", _bytes(lambda b: b"<html>404</html>"), **_FILE)
_add("PNG cut off", DETECT, "image-truncated", _bytes(lambda b: b[: len(b) // 2]), **_FILE)
_add("PNG damaged inside", DETECT, "image-corrupt", _bytes(_damaged), **_FILE)


def _cut_jpeg(data: Any) -> None:
    _saved("RGB", format="JPEG")(data)
    _bytes(lambda b: b[: len(b) * 2 // 3])(data)


_add("JPEG cut off", DETECT, "image-truncated", _cut_jpeg, **_FILE)
_add("float pixels", DETECT, "image-unsupported", _saved("F", format="TIFF"), **_FILE)


def _large(data: Any) -> None:
    Image.new("RGB", (90, 80)).save(data.root / "train/1.png")
    data.image(1).update(width=90, height=80)
    data.settings["max_image_pixels"] = 5000


_add("too many pixels", DETECT, "image-too-large", _large, value="90 x 80 pixels", **_FILE)
_KEPT = {"annotation_id": None, "key": "mode", "drop": SAME, "repair": SAME}
_add("CMYK", DETECT, "image-converted", _saved("CMYK", format="JPEG"), **_KEPT)
_add("16 bits", DETECT, "image-converted", _sixteen_bits, **_KEPT)
_add("transparent", DETECT, "image-converted", _saved("RGBA"), **_KEPT)


# What a record says of its image.
def _declared(width: int, height: int) -> Callable[[Any], object]:
    return lambda data: data.image(1).update(width=width, height=height)


def _rotated(data: Any) -> None:
    path = data.root / "train/1.png"
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned clockwise: 64 x 48 as stored, 48 x 64 upright
    Image.open(path).save(path, format="JPEG", exif=exif, quality=95)


_SIZE = {"annotation_id": None, "key": "width, height", "drop": IMAGE}
_add("size of another shape", DETECT, "size-declared", _declared(100, 48), repair=IMAGE, **_SIZE)
_add("size before scaling", DETECT, "size-declared", _declared(128, 96), repair=[2.5, 2.5, 10, 7.5],
     **_SIZE)  # fmt: skip
_add("size before EXIF", DETECT, "size-declared", _rotated, repair=[28, 5, 15, 20], **_SIZE)
_add("mask size before EXIF", INSTANCE, "size-declared", _rotated, repair=[28, 5, 15, 20], **_SIZE)


def _listed_twice(data: Any) -> None:
    data.content["train"]["images"].append({**data.image(1), "id": 77})


def _in_both(data: Any) -> None:
    for path in (data.root / "val").glob("*.png"):
        path.rename(data.root / "train" / path.name)
    data.content["val"]["images"].append({**data.image(1), "id": 77})
    data.settings["val_images"] = "train"


_ONCE = {"annotation_id": None, "key": "file_name", "drop": SAME, "repair": SAME}
_add("file listed twice", DETECT, "image-file-duplicate", _listed_twice, **_ONCE)
_add("file in two splits", DETECT, "image-file-in-two-splits", _in_both, **_ONCE)


# Splits and classes.
def _all_broken(data: Any) -> None:
    for path in (data.root / "val").glob("*.png"):
        path.write_bytes(b"broken")


def _without_objects(data: Any) -> None:
    data.content["val"]["annotations"] = []


def _corners(data: Any) -> None:
    for i, annotation in enumerate(a for c in data.content.values() for a in c["annotations"]):
        left = 20 + i
        annotation.update(bbox=[left, 25, left + 20, 45], area=400, segmentation=[])
    for i in (6, 7, 8):
        picture = data.root / f"train/{i}.png"
        Image.fromarray(np.full((48, 64, 3), 20 * i, np.uint8)).save(picture)
        data.content["train"]["images"].append(
            {"id": i, "file_name": f"{i}.png", "width": 64, "height": 48}
        )
        data.content["train"]["annotations"] += [
            {"id": 10 * i + n, "image_id": i, "category_id": n, "bbox": [30, 20, 60, 40]}
            for n in (1, 2)
        ]


def _category(split: str, **change: Any) -> Callable[[Any], object]:
    return lambda data: data.content[split]["categories"][1].update(**change)


def _renumbered(data: Any) -> None:
    data.content["val"]["categories"][1]["id"] = 5
    for annotation in data.content["val"]["annotations"]:
        annotation["category_id"] = {1: 1, 2: 5}[annotation["category_id"]]


def _new_class(*annotation_ids: int) -> Callable[[Any], object]:
    def break_it(data: Any) -> None:
        for content in data.content.values():
            content["categories"].append({"id": 3, "name": "dust"})
        for annotation_id in annotation_ids:
            data.annotation(annotation_id)["category_id"] = 3

    return break_it


_WHOLE_SET = {"annotation_id": None, "file": "", "key": "categories"}
_STOP = {**_WHOLE_SET, "drop": STOP, "repair": STOP}
_WARN = {**_WHOLE_SET, "drop": SAME, "repair": SAME}
_add(
    "all images broken",
    DETECT,
    "split-unusable",
    _all_broken,
    **{**_STOP, "key": "images"},
    also={"image-corrupt": 2},
)
_add("no object in val", DETECT, "split-no-object", _without_objects,
     **{**_STOP, "key": "annotations"})  # fmt: skip
_add("boxes are xyxy", DETECT, "bbox-looks-like-xyxy", _corners,
     **{**_STOP, "key": "bbox"}, also={"bbox-partly-outside": 16})  # fmt: skip
_add("name with two ids", DETECT, "category-two-ids", _renumbered,
     **_STOP, also={"class-never-trained": 1, "class-never-measured": 1})  # fmt: skip
_add("id with two names", DETECT, "category-two-names", _category("val", name="sand"), **_STOP)
_add("class in val only", DETECT, "class-never-trained", _new_class(42),
     **{**_STOP, "file": "val/4.png"})  # fmt: skip
_add("class in train only", DETECT, "class-never-measured", _new_class(12), **_WARN)
_add("class nowhere", DETECT, "class-unused", _new_class(), **_WARN)


def _limited(data: Any) -> None:
    _new_class(32, 42)(data)
    data.settings["max_train_samples"] = 2


_add("class cut off on purpose", DETECT, "class-left-out", _limited,
     **{**_WARN, "file": "val/4.png"})  # fmt: skip


def _secret_test(data: Any) -> None:
    ids = [{"id": 9, "file_name": "9.png", "width": 64, "height": 48}]
    (data.root / "test").mkdir()
    Image.effect_mandelbrot((64, 48), (-3, -2.5, 2, 2.5), 100).save(data.root / "test/9.png")
    data.content["test"] = {"images": ids, "categories": data.content["val"]["categories"],
                            "annotations": []}  # fmt: skip
    data.settings.update(test="annotations/instances_test.json", test_images="test")


_add("test without truth", DETECT, "split-unlabelled", _secret_test,
     **{**_WARN, "key": "annotations"})  # fmt: skip


# Label masks.
def _mask(change: Callable[[Path], object]) -> Callable[[Any], object]:
    return lambda data: change(data.root / "masks/train/1.png")


def _mask_of(values_HW: np.ndarray) -> Callable[[Any], object]:
    return _mask(lambda path: Image.fromarray(values_HW.astype(np.uint8)).save(path))


_HALVES_HW = np.tile((np.arange(64) >= 32).astype(np.uint8), (48, 1))
_WITH_7_HW = _HALVES_HW.copy()
_WITH_7_HW[:5, :5] = 7
_COLOURS_HW3 = np.dstack([_HALVES_HW, _HALVES_HW * 2, _HALVES_HW])
_MASK = {"annotation_id": None, "key": "mask", "drop": IMAGE, "repair": IMAGE,
         "file": "masks/train/1.png"}  # fmt: skip
_add("mask missing", SEMANTIC, "mask-missing", _mask(Path.unlink),
     **{**_MASK, "file": "images/train/1.png"})  # fmt: skip
_add("mask broken", SEMANTIC, "mask-corrupt", _mask(lambda p: p.write_bytes(b"broken")), **_MASK)
_add("mask in colour", SEMANTIC, "mask-corrupt", _mask_of(_COLOURS_HW3), **_MASK)
_add("mask of another size", SEMANTIC, "mask-size", _mask_of(_HALVES_HW[:, :60]), **_MASK)
_add("mask with an unknown value", SEMANTIC, "mask-value-unknown", _mask_of(_WITH_7_HW),
     value="7 (25 pixels)", **{**_MASK, "repair": SAME})  # fmt: skip
_add("mask all unlabelled", SEMANTIC, "mask-unlabelled", _mask_of(np.full((48, 64), 255)),
     **{**_MASK, "drop": SAME, "repair": SAME})  # fmt: skip


# Panoptic segments.
def _segment(number: int, **change: Any) -> Callable[[Any], object]:
    def break_it(data: Any) -> None:
        data.content["train"]["annotations"][0]["segments_info"][number].update(**change)

    return break_it


def _more_segments(*rows: dict[str, Any]) -> Callable[[Any], object]:
    def break_it(data: Any) -> None:
        data.content["train"]["annotations"][0]["segments_info"] += rows

    return break_it


def _unlisted(data: Any) -> None:
    ids_HW3 = np.array(Image.open(data.root / "annotations/panoptic_train/1.png"))
    ids_HW3[40:, 50:, 0] = 9
    Image.fromarray(ids_HW3).save(data.root / "annotations/panoptic_train/1.png")
    _segment(1, area=48 * 64 - 600 - 8 * 14)(data)


_SEGMENT = {"key": "id", "annotation_id": 1}
_add("segment of an unknown category", PANOPTIC, "segment-category-unknown",
     _segment(0, category_id=9), key="category_id", annotation_id=1, value=9)  # fmt: skip
_add("segment id twice", PANOPTIC, "segment-id-duplicate",
     _more_segments({"id": 1, "category_id": 1}), **{**_SEGMENT, "drop": SAME, "repair": SAME})  # fmt: skip
_add("segment id 0", PANOPTIC, "segment-id-reserved",
     _more_segments({"id": 0, "category_id": 1}), **{**_SEGMENT, "annotation_id": 0})  # fmt: skip
_add("segment without pixels", PANOPTIC, "segment-not-in-png",
     _more_segments({"id": 5, "category_id": 1}), **{**_SEGMENT, "annotation_id": 5})  # fmt: skip
_add("segment not listed", PANOPTIC, "segment-not-listed", _unlisted, annotation_id=None,
     key="mask", file="annotations/panoptic_train/1.png", drop=SAME, repair=SAME)  # fmt: skip
_add("segment area wrong", PANOPTIC, "segment-area-mismatch", _segment(0, area=5), key="area",
     annotation_id=1, value=5, drop=SAME, repair=600)  # fmt: skip
_add("segment row without category", PANOPTIC, "source-malformed",
     _more_segments({"id": 6}), key="segments_info", annotation_id="1.png, segment 6",
     file="annotations/panoptic_train.json")  # fmt: skip


# The tests.
ELSEWHERE = {
    "image-id-duplicate",
    "class-missing",
    "class-unknown",
    "record-unreadable",
    "split-empty",
}
"""Rules that only tables can break (test_tables.py), and the reader's own refusal of no image."""


def test_the_corpus_breaks_every_rule():
    assert {case.rule for case in CASES} | ELSEWHERE == set(RULES)


@pytest.fixture
def broken(request, make):
    """The data set of a case, its configuration and its bytes before anything looks at it."""
    data = make(request.param.kind)
    request.param.break_it(data)
    return request.param, data, data.save(), data.digest()


CORPUS = pytest.mark.parametrize("broken", CASES, ids=lambda case: case.name, indirect=True)


@CORPUS
def test_check_finds_exactly_the_fault(broken):
    case, data, conf, digest = broken
    report = check(open_splits(conf, case.kind), case.kind, conf)
    assert report.counts() == {case.rule: 1, **case.also}
    fault = next(f for f in report.faults if f.rule == case.rule)
    assert fault.field == case.key
    assert fault.annotation_id == case.annotation_id
    assert fault.file.removeprefix(f"{data.root}/") == case.file
    assert fault.suggestion
    assert fault.where in str(fault)
    if case.value is not ...:
        assert short(fault.value) == short(case.value)
    json.dumps(report.to_dict(), allow_nan=False)
    assert data.digest() == digest


@CORPUS
@pytest.mark.parametrize("policy", ["drop", "repair"])
def test_policy(broken, policy):
    case, data, conf, digest = broken
    conf.policy = policy
    splits = open_splits(conf, case.kind)
    expected = getattr(case, policy)
    if expected == STOP:
        with pytest.raises(DataError, match=case.rule):
            apply(splits, case.kind, conf)
        return
    treated = apply(splits, case.kind, conf)
    assert check(treated, case.kind, conf).ok
    _every_record_can_be_trained_on(treated, case.kind, conf)
    if case.annotation_id is None or case.kind in (PANOPTIC, SEMANTIC):
        counts = (len(treated["train"]), len(splits["train"]))
        assert counts[0] == counts[1] - (expected == IMAGE)
    if case.kind in (DETECT, INSTANCE) and expected != IMAGE:
        _first_object_is(treated["train"][0], expected)
    assert data.digest() == digest


def _every_record_can_be_trained_on(splits, kind, conf):
    labels = LabelSpace.over(split.categories for split in splits.values())
    loader = Loader(labels, kind, conf.max_image_pixels)
    for split in splits.values():
        for index in range(len(split)):
            loader.whole(split[index])


def _first_object_is(record, expected):
    objects = record.annotations
    assert len(objects) == (1 if expected == GONE else 2)
    if isinstance(expected, list):
        segmentation = objects[0].segmentation
        box = mask_rules.box_of(segmentation) if segmentation else objects[0].bbox_xywh
        assert box == pytest.approx(expected)
    elif isinstance(expected, int):
        assert objects[0].area == expected


@CORPUS
def test_strict_refuses_errors_in_one_sentence(broken):
    case, data, conf, _ = broken
    conf.policy = "strict"
    splits = open_splits(conf, case.kind)
    if RULES[case.rule].severity != "error":
        assert len(apply(splits, case.kind, conf)) == len(splits)
        return
    with pytest.raises(DataError) as refusal:
        apply(splits, case.kind, conf)
    message = str(refusal.value)
    assert f"{case.rule} 1" in message
    assert f"`lakesight data inspect task={case.kind}" in message
    assert str(data.root) in message
    assert "\n" not in message


@CORPUS
def test_repaired_copy_has_no_error(broken, tmp_path):
    case, data, conf, digest = broken
    splits = open_splits(conf, case.kind)
    report = check(splits, case.kind, conf)
    if case.repair == STOP:
        return
    written, treatments = write_repaired(splits, report, conf, tmp_path / "copy")
    again = type(conf)(root=str(written.out))
    if case.rule == "split-unlabelled":
        again = replace(again, test=conf.test, test_images=conf.test_images)
    assert "data.root=" + again.root in written.overrides
    if case.rule != "class-left-out":  # of the part, the copy is the whole
        assert check(open_splits(again, case.kind), case.kind, again).ok
    if RULES[case.rule].severity == "error":
        assert [t.fault.rule for t in treatments] == [case.rule]
    assert data.digest() == digest
